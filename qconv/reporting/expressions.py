"""The small language of gates: a tokenizer and a recursive descent parser.

::

    expression = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation = "not" negation | comparison | "(" expression ")"
    comparison = sum ("<" | "<=" | ">" | ">=" | "==" | "!=") sum [ "with" NUMBER "%" ]
    sum = product { ("+" | "-") product }
    product = factor { ("*" | "/") factor }
    factor = [ "-" ] ( NAME | NUMBER | "(" sum ")" )
    NAME = WORD { "." ( WORD | DIGITS | '"' any text '"' ) }
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from qconv.errors import UsageError
from qconv.reporting.numbers import component
from qconv.reporting.syntax import (
    COMPARISONS,
    Arithmetic,
    Combination,
    Comparison,
    Expression,
    Name,
    Negative,
    Not,
    Number,
    Term,
)

MAX_LENGTH = 1_000_000
"""How long the text of an expression may be."""

MAX_DEPTH = 50
"""How deep parentheses and ``not`` may nest."""

KEYWORDS = ("and", "or", "not", "with")
LEVELS = (50.0, 100.0)
"""Between which percentages the level of a comparison must lie."""

QUOTED = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))"
    rf"|(?P<name>[^\W\d]\w*(?:\.(?:\w+|{QUOTED}))*)"
    r"|(?P<symbol><=|>=|==|!=|<|>|\(|\)|-|\+|\*|/|%)|(?P<bad>\S))"
)
_SUGGESTIONS = {"=": "==", "&": "and", "|": "or", "!": "not"}
_COMPARATOR = "one of < <= > >= == !="
_CONNECTIVE = "'and', 'or' or "


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        UsageError: it is not one; the message shows the place and what was expected there.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(
            f"a gate has {len(text):,} characters; at most {MAX_LENGTH:,} are read",
            hint="several gates are judged one by one",
        )
    return _Parser(text).parse()


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


def _path(text: str) -> str:
    """Return the path with quotes where a report has them: words may be quoted, and are not there.

    Inside of quotes a backslash stands before what is to be taken as it is.
    """

    def written(match: re.Match[str]) -> str:
        return component(re.sub(r"\\(.)", r"\1", match[0][1:-1]))

    return re.sub(QUOTED, written, text)


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokenize(text)
        self._next = 0
        self._depth = 0

    def parse(self) -> Expression:
        """Read the whole text."""
        expression = self._require_truth(self._combination())
        if self._peek.kind != "end":
            raise self._error(f"{_CONNECTIVE}the end")
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

    def _combination(self) -> Expression | Term:
        """Read what may stand in parentheses: truths joined by words, or a lone number."""
        return self._joined("or", lambda: self._joined("and", self._negation))

    def _joined(self, keyword: str, operand: Callable[[], Expression | Term]) -> Expression | Term:
        first = operand()
        if self._peek.text != keyword:
            return first
        operands = [self._require_truth(first)]
        while self._take(keyword):
            operands.append(self._require_truth(operand()))
        return Combination(keyword, tuple(operands))

    def _negation(self) -> Expression | Term:
        if self._peek.text != "not":
            return self._comparison()
        self._deeper()
        self._take("not")
        negated = Not(self._require_truth(self._negation()))
        self._depth -= 1
        return negated

    def _comparison(self) -> Expression | Term:
        left = self._sum()
        if not isinstance(left, Term) or self._peek.text not in COMPARISONS:
            return left
        chosen = str(self._take(*COMPARISONS))
        right = self._require_number(self._sum())
        return Comparison(left, chosen, right, self._level(chosen))

    def _level(self, comparator: str) -> float | None:
        if self._peek.text != "with":
            return None
        if comparator in ("==", "!="):
            raise self._error(f"{_CONNECTIVE}the end: only < <= > >= can hold with a confidence")
        self._take("with")
        token = self._peek
        level = float(token.text) if token.kind == "number" else 0.0
        if not LEVELS[0] <= level < LEVELS[1]:
            raise self._error("a confidence from 50 to below 100, as in 'with 95%'")
        self._next += 1
        if not self._take("%"):
            raise self._error("'%'")
        return level

    def _sum(self) -> Expression | Term:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._factor))

    def _chain(
        self, signs: tuple[str, ...], operand: Callable[[], Expression | Term]
    ) -> Expression | Term:
        first = operand()
        rest = []
        while isinstance(first, Term) and (sign := self._take(*signs)):
            rest.append((sign, self._require_number(operand())))
        return Arithmetic(first, tuple(rest)) if rest and isinstance(first, Term) else first

    def _factor(self) -> Expression | Term:
        if self._take("-"):
            return Negative(self._require_number(self._primary()))
        return self._primary()

    def _primary(self) -> Expression | Term:
        token = self._peek
        if token.text == "(":
            return self._group()
        if token.kind == "number":
            value = float(token.text)
            if math.isinf(value):
                raise self._error("a number that is not so large")
            self._next += 1
            return Number(value)
        if token.kind == "name" and token.text not in KEYWORDS:
            self._next += 1
            return Name(_path(token.text))
        raise self._error("a metric or a number")

    def _group(self) -> Expression | Term:
        self._deeper()
        self._take("(")
        inner = self._combination()
        if not self._take(")"):
            expected = f"{_CONNECTIVE}')'" if not isinstance(inner, Term) else _COMPARATOR
            raise self._error(expected)
        self._depth -= 1
        return inner

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"at most {MAX_DEPTH} nested parentheses and 'not'")

    def _require_truth(self, found: Expression | Term) -> Expression:
        if isinstance(found, Term):
            raise self._error(_COMPARATOR)
        return found

    def _require_number(self, found: Expression | Term) -> Term:
        if not isinstance(found, Term):
            raise self._error("a number in the parentheses before it, not a comparison")
        return found

    def _error(self, expected: str) -> UsageError:
        """Say what stands at the next token, with the text and a caret under the place."""
        token = self._peek
        shown = "".join(char if char.isprintable() else " " for char in self._text)
        hint = None
        if token.kind == "bad" and token.text in _SUGGESTIONS:
            hint = f"write '{_SUGGESTIONS[token.text]}' instead of '{token.text}'"
        return UsageError(
            f"in the gate at column {token.position + 1}: "
            f"expected {expected}, found {token.described}",
            hint=hint,
            excerpt=(f"    {shown}", f"    {' ' * token.position}^"),
        )
