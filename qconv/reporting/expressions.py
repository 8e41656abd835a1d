"""The small language of gates: a tokenizer, a recursive descent parser and its syntax tree.

::

    expression = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation = "not" negation | "(" expression ")" | comparison
    comparison = term ("<" | "<=" | ">" | ">=" | "==" | "!=") term
    term = [ "-" ] ( NAME | NUMBER )
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from qconv.errors import UsageError

MAX_DEPTH = 50
"""How deep parentheses and ``not`` may nest."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_KEYWORDS = ("and", "or", "not")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))"
    r"|(?P<name>[^\W\d]\w*)|(?P<symbol><=|>=|==|!=|<|>|\(|\)|-)|(?P<bad>\S))"
)
_SUGGESTIONS = {"=": "==", "&": "and", "|": "or", "!": "not"}


@dataclass(frozen=True)
class Number:
    """A literal, minus sign included."""

    value: float

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Name:
    """A metric, negated where a minus sign precedes it."""

    name: str
    negative: bool = False

    def __str__(self) -> str:
        return f"-{self.name}" if self.negative else self.name


Term = Number | Name


@dataclass(frozen=True)
class Comparison:
    """``left operator right``."""

    left: Term
    operator: str
    right: Term

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


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
            left, right = (_value(term, values) for term in (expression.left, expression.right))
            return _OPERATORS[expression.operator](left, right)
        case Not():
            return not evaluate(expression.operand, values)
        case Combination():
            every = expression.keyword == "and"
            results = (evaluate(operand, values) for operand in expression.operands)
            return all(results) if every else any(results)


def names(expression: Expression) -> Iterator[str]:
    """Yield the metrics that the expression names, in its order, repeats included."""
    match expression:
        case Comparison():
            terms = (expression.left, expression.right)
            yield from (term.name for term in terms if isinstance(term, Name))
        case Not():
            yield from names(expression.operand)
        case Combination():
            for operand in expression.operands:
                yield from names(operand)


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        UsageError: it is not one; the message shows the place and what was expected there.
    """
    return _Parser(text).parse()


def _value(term: Term, values: Mapping[str, float]) -> float:
    if isinstance(term, Number):
        return term.value
    return -values[term.name] if term.negative else values[term.name]


@dataclass(frozen=True)
class _Token:
    """``kind`` is number, name, symbol, bad or end."""

    kind: str
    text: str
    position: int

    @property
    def described(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def _tokenize(text: str) -> list[_Token]:
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "bad"
        tokens.append(_Token(kind, match[kind], match.start(kind)))
    return [*tokens, _Token("end", "", len(text.rstrip()))]


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokenize(text)
        self._next = 0
        self._depth = 0

    def parse(self) -> Expression:
        """Read the whole text."""
        expression = self._combination()
        if self._peek.kind != "end":
            raise self._error("'and', 'or' or the end")
        return expression

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> str | None:
        """Step over the next token if it is one of these symbols or keywords."""
        token = self._peek
        if token.kind not in ("symbol", "name") or token.text not in texts:
            return None
        self._next += 1
        return token.text

    def _combination(self) -> Expression:
        return self._joined("or", lambda: self._joined("and", self._negation))

    def _joined(self, keyword: str, operand: Callable[[], Expression]) -> Expression:
        operands = [operand()]
        while self._take(keyword):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Combination(keyword, tuple(operands))

    def _negation(self) -> Expression:
        if self._peek.text not in ("not", "("):
            return self._comparison()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"at most {MAX_DEPTH} nested parentheses and 'not'")
        expression: Expression
        if self._take("not"):
            expression = Not(self._negation())
        else:
            self._take("(")
            expression = self._combination()
            if not self._take(")"):
                raise self._error("'and', 'or' or ')'")
        self._depth -= 1
        return expression

    def _comparison(self) -> Comparison:
        left = self._term()
        chosen = self._take(*_OPERATORS)
        if chosen is None:
            raise self._error("one of < <= > >= == !=")
        return Comparison(left, chosen, self._term())

    def _term(self) -> Term:
        negative = self._take("-") is not None
        token = self._peek
        if token.kind == "number":
            value = float(token.text)
            if math.isinf(value):
                raise self._error("a number that is not so large")
            self._next += 1
            return Number(-value if negative else value)
        if token.kind == "name" and token.text not in _KEYWORDS:
            self._next += 1
            return Name(token.text, negative)
        raise self._error("a metric or a number")

    def _error(self, expected: str) -> UsageError:
        """Say what stands at the next token, with the text and a caret under the place."""
        token = self._peek
        shown = re.sub(r"\s", " ", self._text)
        hint = None
        if token.kind == "bad" and token.text in _SUGGESTIONS:
            hint = f"write '{_SUGGESTIONS[token.text]}' instead of '{token.text}'"
        return UsageError(
            f"in the gate at column {token.position + 1}: "
            f"expected {expected}, found {token.described}\n"
            f"    {shown}\n    {' ' * token.position}^",
            hint=hint,
        )
