"""How far each verdict is from its limit, and the order in which a reader looks for verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from qconv.reporting import expressions, syntax
from qconv.reporting.catalog import METRICS
from qconv.reporting.report_data import Verdict
from qconv.reporting.syntax import Combination, Comparison, Expression, Name, Not, Term
from qconv.reporting.verdicts import verdict_word

_UNITS = {
    metric.name: {"%": "points", "ratio": ""}.get(metric.unit, metric.unit)
    for metric in METRICS
    if " to " not in metric.unit
}
"""What differences are in: those of shares are points, those of ratios bare numbers."""


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts that failed first and those that pass last, else in their order."""
    return sorted(
        verdicts, key=lambda verdict: (not verdict.failed, verdict_word(verdict) == "passes")
    )


def distance(verdict: Verdict) -> str:
    """Return ``0.35 points over the limit 1``, of each comparison that made the verdict.

    It is empty where no number lies over or under another: behind ``==`` and ``!=``.
    """
    expression = expressions.parse(verdict.expression)
    return "; ".join(dict.fromkeys(_distances(expression, verdict.values)))


def _distances(expression: Expression, values: Mapping[str, float]) -> Iterator[str]:
    for comparison in _deciding(expression, values):
        if comparison.operator in ("==", "!="):
            continue
        measured, limit = syntax.sides(comparison, values)
        term = comparison.left
        if not any(syntax.term_names(term)):
            measured, limit, term = limit, measured, comparison.right
        yield _distance(measured, limit, _unit(term))


def _deciding(expression: Expression, values: Mapping[str, float]) -> Iterator[Comparison]:
    """Yield the comparisons that are why the expression is true, or false."""
    match expression:
        case Comparison():
            yield expression
        case Not():
            yield from _deciding(expression.operand, values)
        case Combination():
            result = syntax.evaluate(expression, values)
            for operand in expression.operands:
                if syntax.evaluate(operand, values) == result:
                    yield from _deciding(operand, values)


def _distance(measured: float, limit: float, unit: str) -> str:
    if math.isnan(measured) or math.isnan(limit):
        return "not a number"
    if measured == limit:
        return f"at the limit {limit:.6g}"
    side = "over" if measured > limit else "under"
    gap = abs(measured - limit)
    told = [_amount(gap, unit)] if math.isfinite(gap) else []
    return " ".join([*told, side, f"the limit {limit:.6g}"])


def _amount(gap: float, unit: str) -> str:
    """Return ``0.35 points``: three digits, or whole numbers from 1000 on."""
    number = f"{gap:.3g}" if gap < 999.5 else f"{gap:,.0f}"
    one = number == "1" and unit.endswith(("points", "bytes", "nats"))
    return f"{number} {unit.removesuffix('s') if one else unit}".rstrip()


def _unit(term: Term) -> str:
    return _UNITS.get(term.name, "") if isinstance(term, Name) else ""
