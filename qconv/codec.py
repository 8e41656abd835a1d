"""Frozen dataclasses to JSON and back; msgspec checks what comes from a file against their types.

What msgspec lacks is here. It passes over keys that a dataclass does not have, so each is read as
a Struct of the same fields, which refuses them. It has no words for numbers that are not finite:
the Struct takes them beside a number, and they become floats where it becomes the dataclass. It
writes ``null`` for these numbers, so :func:`encode` is not its own. And it says ``[...]`` for the
key of a mapping.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import GenericAlias, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Meta, ValidationError, convert, defstruct, field

T = TypeVar("T")

_Integer = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_LEAVES: Mapping[Any, Any] = {int: _Integer, float: _Finite | Literal["inf", "-inf", "nan"]}
_UNIONS = (Union, UnionType)

_SENTENCES = {
    r"Object missing required field `(.*)`": ".{0} is missing",
    r"Object contains unknown field `(.*)`": ".{0:.60} is unknown",
    r"Expected `array` of length (\d+), got (\d+)": " has {1} entries, not {0}",
    r"Expected `array`, got .*": " is not a list",
    r"Expected `object`, got .*|Expected `object \| null`, got .*": " is not an object",
    r"Expected `float \| str.*`, got .*": " is not a number",
    r"Expected `(.*)`, got .*": " is not of the type {0}",
    r"Expected `\w+` [<>].*|Number out of range": " is too large",
    r"Invalid enum value '(.*)'": " cannot be '{0:.60}'",
}
"""What msgspec says of a value, and what is said of its place."""


def encode(value: Any) -> Any:
    """Turn dataclasses, tuples and mappings into dicts and lists that JSON can hold.

    A float that is not finite becomes ``"inf"``, ``"-inf"`` or ``"nan"``.
    """
    if is_dataclass(value):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    return value


def decode(kind: type[T], value: object, where: str | None = None) -> T:
    """Build a ``kind`` from what :func:`encode` made of one.

    A field that has a default may be missing: older files lack what came later. Places begin with
    ``where``, by default the name of the kind.

    Raises:
        ValueError: a key is missing or unknown, or a value has another type; it names the place.
    """
    where = kind.__name__ if where is None else where
    wanted: Any = kind
    made: tuple[T]
    try:  # in a tuple, so that a place is told in any case, and no key can pass for one
        checked = convert((value,), GenericAlias(tuple, json_type(wanted)))
        made = convert(checked, GenericAlias(tuple, wanted), from_attributes=True, strict=False)
    except UnicodeEncodeError as error:  # msgspec takes no such keys, and does not say where
        raise ValueError(f"{where} has the unknown key '{error.object:.60}'") from None
    except ValidationError as error:
        what, _, place = str(error).rpartition(" - at `$[0]")
        outer, keyed, _ = place.partition("[...]")
        if keyed:
            _decode_entries(*_at(outer, kind, value), f"{where}{outer}")
        raise ValueError(f"{where}{place[:-1]}{_sentence(what)}") from None
    return made[0]


@cache
def json_type(kind: Any) -> Any:
    """Return the type of what :func:`encode` makes of a ``kind``, as msgspec reads it.

    A dataclass is a Struct that has its name, docstring and fields, and refuses others; an int has
    64 bits, and a float is finite or one of three words.
    """
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return defstruct(
            kind.__name__,  # type: ignore[union-attr]
            [(each.name, json_type(hints[each.name]), _default(each)) for each in fields(kind)],
            namespace={"__doc__": kind.__doc__},
            kw_only=True,
            forbid_unknown_fields=True,
        )
    origin, arms = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        texts = str in arms  # then the three words are texts, too
        return Union[tuple(_Finite if texts and a is float else json_type(a) for a in arms)]  # noqa: UP007
    if origin in (tuple, Mapping):
        return origin[tuple(json_type(arm) for arm in arms)]
    return _LEAVES.get(kind, kind)


def _default(each: Field[Any]) -> Any:
    if each.default_factory is not MISSING:
        return field(default_factory=each.default_factory)
    return field() if each.default is MISSING else field(default=each.default)


def _sentence(what: str) -> str:
    for pattern, sentence in _SENTENCES.items():
        if found := re.fullmatch(pattern, what, re.DOTALL):
            return sentence.format(*found.groups())
    return f": {what}"  # what the class itself demands


def _at(place: str, kind: Any, value: Any) -> tuple[Any, Any]:
    """Return the type and the value at a place, to which names and indices lead."""
    kind = _holder(kind)
    for step in re.findall(r"\w+", place):
        if is_dataclass(kind):
            inner, value = get_type_hints(kind)[step], value[step]
        else:
            arms = get_args(kind)
            inner, value = arms[0 if Ellipsis in arms else int(step)], value[int(step)]
        kind = _holder(inner)
    return kind, value


def _holder(kind: Any) -> Any:
    """Return that alternative of a type which holds other values."""
    arms = get_args(kind) if get_origin(kind) in _UNIONS else (kind,)
    return next(a for a in arms if is_dataclass(a) or get_origin(a) in (tuple, Mapping))


def _decode_entries(kind: Any, value: Mapping[str, object], where: str) -> None:
    """Decode what a mapping holds, so that what is wrong is told under its key."""
    for key, entry in value.items():
        decode(get_args(kind)[1], entry, f"{where}.{key:.60}")
