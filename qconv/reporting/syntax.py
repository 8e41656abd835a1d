"""The syntax tree of gates, and what it means for given numbers.

Division by zero gives NaN, and so does arithmetic on a NaN. What a gate makes of NaN is said in
:mod:`qconv.reporting.gates`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Number:
    """A literal that is not negative."""

    value: float

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Name:
    """A number of the report: ``top1_drop``, ``baseline.size_mb`` or ``outputs."my out".kl``."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Negative:
    """``-operand``."""

    operand: Term

    def __str__(self) -> str:
        return f"-{_wrapped(self.operand)}"


@dataclass(frozen=True)
class Arithmetic:
    """Terms joined from left to right by ``+`` and ``-``, or by ``*`` and ``/``."""

    first: Term
    rest: tuple[tuple[str, Term], ...]

    def __str__(self) -> str:
        joined = "".join(f" {sign} {_wrapped(term)}" for sign, term in self.rest)
        return f"{_wrapped(self.first)}{joined}"


Term = Number | Name | Negative | Arithmetic


@dataclass(frozen=True)
class Comparison:
    """``left operator right``; with a ``level`` in percent, ``left operator right with 95%``.

    With a level, ``left`` is a Name, and its confidence limit takes its place: the lower one for
    ``>`` and ``>=``, the upper one for ``<`` and ``<=``, each one-sided.
    """

    left: Term
    operator: str
    right: Term
    level: float | None = None

    def __str__(self) -> str:
        level = "" if self.level is None else f" with {self.level!r}%"
        return f"{self.left} {self.operator} {self.right}{level}"

    @property
    def limit(self) -> str:
        """What the confidence limit that takes the place of ``left`` is called."""
        side = "lower" if self.operator.startswith(">") else "upper"
        return f"{side} limit of {self.left} with {self.level:g}%"


@dataclass(frozen=True)
class Not:
    """``not operand``."""

    operand: Expression

    def __str__(self) -> str:
        return f"not ({self.operand})"


@dataclass(frozen=True)
class Combination:
    """Operands joined by ``and``, or all by ``or``."""

    keyword: str
    operands: tuple[Expression, ...]

    def __str__(self) -> str:
        return f" {self.keyword} ".join(f"({operand})" for operand in self.operands)


Expression = Comparison | Not | Combination


def evaluate(expression: Expression, values: Mapping[str, float]) -> bool:
    """Return whether the expression holds for these numbers; every name must be among them."""
    match expression:
        case Comparison():
            left, right = sides(expression, values)
            return COMPARISONS[expression.operator](left, right)
        case Not():
            return not evaluate(expression.operand, values)
        case Combination():
            every = expression.keyword == "and"
            results = (evaluate(operand, values) for operand in expression.operands)
            return all(results) if every else any(results)


def sides(comparison: Comparison, values: Mapping[str, float]) -> tuple[float, float]:
    """Return the two numbers that the comparison compares."""
    right = compute(comparison.right, values)
    if comparison.level is not None:
        return values[comparison.limit], right
    return compute(comparison.left, values), right


def compute(term: Term, values: Mapping[str, float]) -> float:
    """Return the number that a term stands for."""
    match term:
        case Number():
            return term.value
        case Name():
            return values[term.name]
        case Negative():
            return -compute(term.operand, values)
        case Arithmetic():
            result = compute(term.first, values)
            for sign, operand in term.rest:
                result = _apply(sign, result, compute(operand, values))
            return result


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Yield the comparisons of an expression, in its order."""
    match expression:
        case Comparison():
            yield expression
        case Not():
            yield from comparisons(expression.operand)
        case Combination():
            for operand in expression.operands:
                yield from comparisons(operand)


def names(expression: Expression) -> Iterator[str]:
    """Yield the numbers that the expression names, in its order, repeats included."""
    for comparison in comparisons(expression):
        yield from term_names(comparison.left)
        yield from term_names(comparison.right)


def term_names(term: Term) -> Iterator[str]:
    """Yield the numbers that a term names, in its order, repeats included."""
    match term:
        case Number():
            return
        case Name():
            yield term.name
        case Negative():
            yield from term_names(term.operand)
        case Arithmetic():
            yield from term_names(term.first)
            for _, operand in term.rest:
                yield from term_names(operand)


def _wrapped(term: Term) -> str:
    return str(term) if isinstance(term, Name | Number) else f"({term})"


def _apply(sign: str, left: float, right: float) -> float:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right if right else math.nan
