"""Frozen dataclasses to JSON and back: what comes from a file is checked against their types."""

from __future__ import annotations

import json
import math
import types
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_LARGEST = 1 << 63
_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def encode(value: Any) -> Any:
    """Turn dataclasses, tuples and mappings into dicts and lists that JSON can hold.

    A float that is not finite becomes ``"inf"``, ``"-inf"`` or ``"nan"``.
    """
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    return value


def parse(text: str | bytes) -> Any:
    """Read JSON, as :func:`json.loads` does, but as the standard has it.

    Raises:
        ValueError: it is not JSON, nested too deeply, says ``NaN``, or names a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def decode(kind: type[T], value: object, where: str | None = None) -> T:
    """Build a ``kind`` from what :func:`encode` made of one.

    A field that has a default may be missing: older files lack what came later. Places begin with
    ``where``, by default the name of the kind.

    Raises:
        ValueError: a key is missing or unknown, or a value has another type; it names the place.
    """
    try:
        result: T = _decode(kind, value)
    except _Misfit as misfit:
        raise ValueError(f"{where or kind.__name__}{misfit.place}{misfit.what}") from None
    return result


class _Misfit(ValueError):  # noqa: N818 - a finding, told with its place above
    """What is wrong with a value, and its place in the one that is decoded."""

    def __init__(self, what: str, place: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.place = place


def _decode(kind: Any, value: object) -> Any:
    if kind is str and type(value) is str:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), value)
    if origin is tuple:
        return _decode_tuple(get_args(kind), value)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise _Misfit(" is not an object")
        item = get_args(kind)[1]
        return {key: _decode_at(f".{key:.60}", item, entry) for key, entry in value.items()}
    if is_dataclass(kind):
        return _decode_dataclass(kind, value)
    if kind is float:
        return _decode_float(value)
    if type(value) is not kind:
        raise _Misfit(f" is not of the type {kind.__name__}")
    if kind is int and not -_LARGEST <= value < _LARGEST:  # type: ignore[operator]
        raise _Misfit(" is too large")
    return value


def _decode_at(place: str, kind: Any, value: object) -> Any:
    try:
        return _decode(kind, value)
    except _Misfit as misfit:
        raise _Misfit(misfit.what, place + misfit.place) from None


def _decode_dataclass(kind: Any, value: object) -> Any:
    if not isinstance(value, dict):
        raise _Misfit(" is not an object")
    hints = get_type_hints(kind)
    for field in fields(kind):
        optional = field.default is not MISSING or field.default_factory is not MISSING
        if field.name not in value and not optional:
            raise _Misfit(" is missing", f".{field.name}")
    if unknown := [key for key in value if key not in hints]:
        raise _Misfit(" is unknown", f".{unknown[0]:.60}")
    found = {key: _decode_at(f".{key}", hints[key], item) for key, item in value.items()}
    try:
        return kind(**found)
    except ValueError as error:  # what the class itself demands
        raise _Misfit(f": {error}") from None


def _decode_union(kinds: tuple[Any, ...], value: object) -> Any:
    """Take the first alternative that fits; the unions here differ in their JSON type."""
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    for kind in kinds[:-1]:
        if type(value) is kind:
            return _decode(kind, value)
    return _decode(kinds[-1], value)


def _decode_tuple(kinds: tuple[Any, ...], value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _Misfit(" is not a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise _Misfit(f" has {len(value)} entries, not {len(kinds)}")
    items: list[Any] = []
    try:
        for kind, item in zip(kinds, value, strict=True):
            items.append(_decode(kind, item))
    except _Misfit as misfit:
        raise _Misfit(misfit.what, f"[{len(items)}]{misfit.place}") from None
    return tuple(items)


def _decode_float(value: object) -> float:
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if type(value) in (int, float):
        with suppress(OverflowError):
            number = float(value)  # type: ignore[arg-type]
            if math.isfinite(number):
                return number
    raise _Misfit(" is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key '{twice:.60}' is there twice")
    return made


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
