"""Expressions of ``--fail-if``: by their grammar, and against it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from qconv.reporting.catalog import METRICS
from tests.fuzz import hostile
from tests.fuzz.case import INPUTS

_REPORT = f"{INPUTS}/report.json"
_BASELINE = f"{INPUTS}/baseline.json"
_NAMES = (
    *(metric.name for metric in METRICS),
    *("confidence", "confidence_drop", "baseline.size_mb", "baseline.top1", "outputs.logits.kl"),
    *('outputs."logits".sqnr_db', 'outputs."a\\"b".kl', "outputs.nothing.kl", "baseline.nothing"),
)
_TOKENS = (
    *("<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "(", ")", "and", "or", "not", "with"),
    *("%", "=", "&&", "||", "!", "95%", ".", '"', "'", "\\", "\0", "1e999", "٣", "0x1", "1_000"),
)


def make(random: Random, folder: Path, reports: list[bytes]) -> tuple[list[str], list[str]]:
    """Write a report and an earlier one; return the command that judges it."""
    (folder / _REPORT).write_bytes(random.choice(reports))
    (folder / _BASELINE).write_bytes(random.choice(reports))
    arguments = ["gate", _REPORT]
    for _ in range(random.choice((1, 1, 2, 5))):
        arguments += ["--fail-if", expression(random).replace("\0", "")]
    if random.random() < 0.5:
        arguments += ["--baseline", _BASELINE]
    return arguments, []


def expression(random: Random) -> str:
    """Return an expression, sound in two cases of three."""
    text = _truth(random, random.choice((1, 2, 3, 5)))
    match random.randrange(9):
        case 0:
            return text[: random.randrange(len(text) + 1)]
        case 1:
            place = random.randrange(len(text) + 1)
            token = random.choice((*_TOKENS, hostile.name(random)))
            return f"{text[:place]} {token} {text[place:]}"
        case 2:
            return (
                random.choice(("(", "not ", "-", "1+", "((((1))))", "not("))
                * random.choice((3, 60, 5000))
                + text
            )
        case _:
            return text


def _truth(random: Random, depth: int) -> str:
    match random.randrange(5) if depth > 0 else 4:
        case 0:
            return f"{_truth(random, depth - 1)} and {_truth(random, depth - 1)}"
        case 1:
            return f"{_truth(random, depth - 1)} or {_truth(random, depth - 1)}"
        case 2:
            return f"not {_truth(random, depth - 1)}"
        case 3:
            return f"({_truth(random, depth - 1)})"
        case _:
            sign = random.choice(("<", "<=", ">", ">=", "==", "!="))
            if random.random() < 0.25:
                level = random.choice(("95", "50", "100", "99.999", "51", "0", "1e3"))
                return f"{random.choice(_NAMES)} {sign} {_number(random)} with {level}%"
            return f"{_term(random, depth)} {sign} {_term(random, depth)}"


def _term(random: Random, depth: int) -> str:
    match random.randrange(6) if depth > 0 else random.randrange(2):
        case 0 | 2:
            return random.choice(_NAMES)
        case 1 | 3:
            return _number(random)
        case 4:
            return (
                f"({_term(random, depth - 1)} {random.choice('+-*/')} {_term(random, depth - 1)})"
            )
        case _:
            return f"-{_term(random, depth - 1)}"


def _number(random: Random) -> str:
    return random.choice(
        ("0", "1", "0.5", "1e3", ".5", "5.", "1e308", "1e-308", "9" * 400, "1e400")
    )
