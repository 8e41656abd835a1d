"""Frozen dataclasses to JSON values and back, checked against their type annotations."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

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


def decode(kind: type[T], value: object) -> T:
    """Build a ``kind`` from what :func:`encode` made of one.

    A field that has a default may be missing: older files lack what came later.

    Raises:
        ValueError: a key is missing or unknown, or a value has another type; it names the place.
    """
    result: T = _decode(kind, value, kind.__name__)
    return result


def _decode(kind: Any, value: object, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), value, where)
    if origin is tuple:
        return _decode_tuple(get_args(kind), value, where)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is not an object")
        item = get_args(kind)[1]
        return {key: _decode(item, entry, f"{where}.{key}") for key, entry in value.items()}
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if kind is float:
        return _decode_float(value, where)
    if type(value) is not kind:
        raise ValueError(f"{where} is not of the type {kind.__name__}")
    return value


def _decode_dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    hints = get_type_hints(kind)
    for field in fields(kind):
        optional = field.default is not MISSING or field.default_factory is not MISSING
        if field.name not in value and not optional:
            raise ValueError(f"{where}.{field.name} is missing")
    if unknown := [key for key in value if key not in hints]:
        raise ValueError(f"{where}.{unknown[0]} is unknown")
    return kind(**{key: _decode(hints[key], item, f"{where}.{key}") for key, item in value.items()})


def _decode_union(kinds: tuple[Any, ...], value: object, where: str) -> Any:
    """Take the first alternative that fits; the unions here differ in their JSON type."""
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    for kind in kinds[:-1]:
        if type(value) is kind:
            return value
    return _decode(kinds[-1], value, where)


def _decode_tuple(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is not a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{where} has {len(value)} entries, not {len(kinds)}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_decode(kind, item, f"{where}[{index}]") for index, (kind, item) in pairs)


def _decode_float(value: object, where: str) -> float:
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise ValueError(f"{where} is not a number")
