"""Verdicts in words that read forward: what was measured, and what it must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qconv.reporting import expressions, syntax
from qconv.reporting.gates import fails
from qconv.reporting.report_data import Verdict
from qconv.reporting.syntax import Combination, Comparison, Expression, Name, Not, Term

_MUST = {
    ">": "limit {}",
    ">=": "must be below {}",
    "<": "must be at least {}",
    "<=": "must be above {}",
    "==": "must not be {}",
    "!=": "must be {}",
}
"""What a number must be so that the comparison, by which a gate fails, is false."""
_OPPOSITE = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


def verdict_line(verdict: Verdict) -> str:
    """Return ``a.onnx passes: top1_drop = 0.1, limit 1``, or the same with ``FAILS``."""
    return f"{verdict.variant} {verdict_word(verdict)}: {verdict_told(verdict)}"


def verdict_word(verdict: Verdict) -> str:
    """Return ``passes``, ``FAILS`` or ``undecided``."""
    if verdict.undecided:
        return "undecided"
    return "FAILS" if verdict.failed else "passes"


def verdict_told(verdict: Verdict) -> str:
    """Return ``top1_drop = 0.1, limit 1``: each number that was compared, and what it must be.

    Numbers have six digits, or all where six would tell another verdict. Of an undecided gate it
    says what the numbers may be, and how it counts.
    """
    expression = expressions.parse(verdict.expression)
    rounded = {name: float(f"{value:.6g}") for name, value in verdict.values.items()}
    exact = not verdict.undecided and fails(expression, rounded) != verdict.failed
    said = _Words(verdict.values, exact).told(expression)
    if not verdict.undecided:
        return said
    open_ = " and ".join(
        f"{name} may be {low:.4g} to {high:.4g}" for name, (low, high) in verdict.noise.items()
    )
    counts = "fails" if verdict.failed else "passes"
    return f"{said}; the machine is too noisy to decide, {open_}; this {counts}"


@dataclass(frozen=True)
class _Words:
    values: Mapping[str, float]
    exact: bool

    def told(
        self, expression: Expression, *, opposite: bool = False, around: str | None = None
    ) -> str:
        """Say what must be so that the expression is false, or with ``opposite`` true.

        ``around`` joins the parts of what it is a part of.
        """
        match expression:
            case Comparison():
                return self._comparison(expression, opposite=opposite)
            case Not():
                return self.told(expression.operand, opposite=not opposite, around=around)
            case Combination():
                joint = "; or " if (expression.keyword == "and") != opposite else "; and "
                parts = dict.fromkeys(
                    self.told(operand, opposite=opposite, around=joint)
                    for operand in expression.operands
                )
                said = joint.join(parts)
                return said if around in (None, joint) or len(parts) == 1 else f"({said})"

    def _comparison(self, comparison: Comparison, *, opposite: bool) -> str:
        left, operator, right = comparison.left, comparison.operator, comparison.right
        sign = _OPPOSITE[operator] if opposite else operator
        if not any(syntax.term_names(left)):
            left, right, sign = right, left, _MIRRORED.get(sign, sign)
        said = self._measured(left)
        if comparison.level is not None:
            side = "at least" if operator.startswith(">") else "at most"
            limit = self._number(self.values[comparison.limit])
            said += f", with {comparison.level:g}% confidence {side} {limit}"
        return f"{said}, {_MUST[sign].format(self._limit(right))}"

    def _measured(self, term: Term) -> str:
        """Return ``name = 3``, or ``a - b = 3 (a = 5, b = 2)``."""
        told = f"{term} = {self._number(syntax.compute(term, self.values))}"
        if isinstance(term, Name):
            return told
        names = dict.fromkeys(syntax.term_names(term))
        return f"{told} ({', '.join(self._measured(Name(name)) for name in names)})"

    def _limit(self, term: Term) -> str:
        if any(syntax.term_names(term)):
            return self._measured(term)
        return self._number(syntax.compute(term, self.values))

    def _number(self, value: float) -> str:
        return repr(value) if self.exact else f"{value:.6g}"
