"""Gates: expressions over a report's numbers that decide the exit code.

A gate says what must not be: it fails where its expression is true. It also fails where one of
the numbers that it names is NaN, whatever the rest of the expression says.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from qconv.errors import UsageError
from qconv.reporting import expressions
from qconv.reporting.expressions import Expression
from qconv.reporting.record import Verdict


@dataclass(frozen=True)
class Gate:
    """An expression that must be false; ``names`` are its metrics, each once, in order."""

    text: str
    expression: Expression
    names: tuple[str, ...]


def parse_gate(text: str, known: Collection[str]) -> Gate:
    """Read a gate over the ``known`` metric names.

    Raises:
        UsageError: it is not an expression, names no metric, or an unknown one.
    """
    expression = expressions.parse(text)
    names = tuple(dict.fromkeys(expressions.names(expression)))
    shown = " ".join(text.split())
    if not names:
        raise UsageError(f"the gate '{shown}' names no metric, so it says nothing of the models")
    for name in names:
        if name not in known:
            raise UsageError(
                f"the gate '{shown}' names the unknown metric '{name}'", hint=_nearest(name, known)
            )
    return Gate(shown, expression, names)


def require(gates: Iterable[Gate], unmeasured: Mapping[str, str]) -> None:
    """Refuse gates over numbers that this report does not have.

    Args:
        gates: the gates.
        unmeasured: metric name to the reason why it is not measured.

    Raises:
        UsageError: a gate names one of them.
    """
    for gate in gates:
        for name in gate.names:
            if name in unmeasured:
                raise UsageError(
                    f"the gate '{gate.text}' needs {name}, "
                    f"which is not measured here: {unmeasured[name]}"
                )


def judge(gate: Gate, variant: str, values: Mapping[str, float]) -> Verdict:
    """Return what the gate says of a variant with these numbers."""
    mine = {name: values[name] for name in gate.names}
    failed = any(map(math.isnan, mine.values())) or expressions.evaluate(gate.expression, mine)
    return Verdict(variant, gate.text, failed, mine)


def verdict_line(verdict: Verdict) -> str:
    """Return ``FAIL  a.onnx: top1_drop > 1.0  (top1_drop = 1.35)``, or the same with ``ok``."""
    word = "FAIL" if verdict.failed else "ok"
    return f"{word:<6}{verdict.variant}: {verdict.expression}  ({shown_values(verdict)})"


def shown_values(verdict: Verdict) -> str:
    """Return ``top1_drop = 1.35``: six digits, or all where six would tell another verdict."""
    shown = {name: f"{value:.6g}" for name, value in verdict.values.items()}
    rounded = {name: float(text) for name, text in shown.items()}
    expression = expressions.parse(verdict.expression)
    if expressions.evaluate(expression, rounded) != expressions.evaluate(
        expression, verdict.values
    ):
        shown = {name: repr(value) for name, value in verdict.values.items()}
    return ", ".join(f"{name} = {text}" for name, text in shown.items())


def _nearest(name: str, known: Collection[str]) -> str:
    matches: Sequence[str] = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if matches:
        return f"did you mean '{matches[0]}'?"
    return f"the metrics are {', '.join(known)}"
