"""Gates: expressions over a report's numbers that decide the exit code.

A gate says what must not be: it fails where its expression is true. It also fails where one of
the numbers that it names or computes is NaN, whatever the rest of the expression says.

``top1_drop > 0.5 with 95%`` fails only where the data show it: where the one-sided lower 95 %
confidence limit of the drop is above 0.5. A gate on times that other runs on the same machine might
turn around is undecided.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from qconv.errors import UsageError
from qconv.reporting import expressions, syntax
from qconv.reporting.confidence import CONFIDENT, Interval
from qconv.reporting.report_data import Verdict
from qconv.reporting.syntax import Expression, Name

BASELINE = "baseline."


@dataclass(frozen=True)
class Gate:
    """An expression that must be false; ``names`` are its metrics, each once, in order."""

    text: str
    expression: Expression
    names: tuple[str, ...]

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares with an earlier report."""
        return any(name.startswith(BASELINE) for name in self.names)


def parse_gate(text: str, known: Collection[str], fields: Collection[str] = ()) -> Gate:
    """Read a gate.

    Args:
        text: the expression.
        known: names of metrics.
        fields: what the paths of numbers may begin with, see :mod:`qconv.reporting.numbers`.

    Raises:
        UsageError: it is not an expression, names no metric or an unknown one, or asks for
            confidence in a metric that has no confidence interval.
    """
    expression = expressions.parse(text)
    names = tuple(dict.fromkeys(syntax.names(expression)))
    shown = _one_line(text)
    if not names:
        raise UsageError(f"the gate '{shown}' names no metric, so it says nothing about the models")
    for name in names:
        own = name.removeprefix(BASELINE)
        field, dot, _ = own.partition(".")
        if own not in known and not (dot and field in fields):
            raise UsageError(
                f"the gate '{shown}' names the unknown metric '{name}'", hint=_nearest(own, known)
            )
    for comparison in syntax.comparisons(expression):
        if comparison.level is not None and comparison.left not in [*map(Name, CONFIDENT)]:
            raise UsageError(
                f"the gate '{shown}' asks for a confidence in '{comparison.left}', "
                "which has no confidence interval",
                hint=f"{', '.join(CONFIDENT[:-1])} and {CONFIDENT[-1]} have one; write it as "
                f"'{CONFIDENT[0]} > NUMBER with {comparison.level:g}%'",
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


def judge(
    gate: Gate,
    variant: str,
    values: Mapping[str, float],
    *,
    noise: Mapping[str, Interval] | None = None,
    undecided_fails: bool = True,
) -> Verdict:
    """Return what the gate says of a variant with these numbers.

    Args:
        gate: the gate.
        variant: its name.
        values: its numbers, with the confidence limits that the gate asks for.
        noise: between which numbers those of time lie; the gate is undecided where it would
            hold at one end and fail at another.
        undecided_fails: whether it counts as failed then.
    """
    limits = [each.limit for each in syntax.comparisons(gate.expression) if each.level is not None]
    mine = {name: values[name] for name in (*gate.names, *limits)}
    failed = fails(gate.expression, mine)
    open_ = {name: ends for name, ends in (noise or {}).items() if name in gate.names}
    corners = (dict(zip(open_, ends, strict=True)) for ends in product(*open_.values()))
    if not open_ or all(fails(gate.expression, mine | corner) == failed for corner in corners):
        return Verdict(variant, gate.text, failed, mine)
    return Verdict(variant, gate.text, undecided_fails, mine, open_)


def fails(expression: Expression, values: Mapping[str, float]) -> bool:
    """Whether a gate with this expression fails: it is true, or a number of it is NaN."""
    numbers = [*values.values()]
    for comparison in syntax.comparisons(expression):
        numbers.extend(syntax.sides(comparison, values))
    return any(map(math.isnan, numbers)) or syntax.evaluate(expression, values)


def _one_line(text: str) -> str:
    """Return the text with each run of blanks as one, but for those in quotes."""
    pattern = rf"({expressions.QUOTED})|\s+"
    return re.sub(pattern, lambda match: match[1] or " ", text.strip())


def _nearest(name: str, known: Collection[str]) -> str:
    matches: Sequence[str] = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if matches:
        return f"did you mean '{matches[0]}'?"
    return f"the metrics are {', '.join(known)}"
