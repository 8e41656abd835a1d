"""Layers by name or type, each with what its weights are stored in: ``head=float``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from qconv.errors import UsageError

FLOAT = "float"
TYPES = (
    *(FLOAT, "int8", "uint8", "int7", "int4", "uint4", "int3", "int2", "uint2"),
    *("ternary", "binary", "fp8e4m3", "fp8e5m2"),
)
_SHARES = ("tensor", "channel")

Share = Literal["tensor", "channel"] | int


@dataclass(frozen=True)
class LayerRule:
    """What layers get in whose name or type the expression ``pattern`` is found.

    ``dtype`` is one of :data:`TYPES`. ``share`` is what shares a scale, a number being inputs of a
    block; None leaves it as is usual for the type.
    """

    pattern: str
    dtype: str
    share: Share | None = None

    def found_in(self, name: str, op_type: str) -> bool:
        """Whether the expression is found in the name of an operator, or in its type."""
        expression = re.compile(self.pattern)
        return bool(expression.search(name) or expression.search(op_type))


def layer_rules(texts: Sequence[str]) -> tuple[LayerRule, ...]:
    """Read rules ``REGEX=TYPE`` or ``REGEX=TYPE:SHARE``.

    Raises:
        UsageError: one is not of that form.
    """
    return tuple(map(_rule, texts))


def _rule(text: str) -> LayerRule:
    pattern, equals, scheme = text.rpartition("=")
    dtype, colon, share = scheme.partition(":")
    if not (pattern and equals and dtype):
        raise UsageError(f"`layers` '{text}' is not of the form REGEX=TYPE")
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(f"`layers`: '{pattern}' is not a regular expression: {error}") from error
    dtype = dtype.strip().lower()
    if dtype not in TYPES:
        near = get_close_matches(dtype, TYPES, n=1)
        raise UsageError(
            f"`layers` '{text}': the type is '{dtype}'; it must be {', '.join(TYPES)}",
            hint=f"did you mean {near[0]}?" if near else None,
        )
    return LayerRule(pattern.strip(), dtype, _share(text, share) if colon else None)


def _share(text: str, share: str) -> Share:
    match share.strip().lower():
        case "tensor":
            return "tensor"
        case "channel":
            return "channel"
        case digits if digits.isascii() and digits.isdecimal() and 0 < int(digits) <= 1 << 20:
            return int(digits)
    raise UsageError(
        f"`layers` '{text}': a scale is for a tensor, a channel, or a number of inputs per block, "
        f"not '{share}'"
    )
