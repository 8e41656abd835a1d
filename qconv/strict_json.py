"""JSON text as the standard has it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any


def parse(text: str | bytes) -> Any:
    """Read JSON, as :func:`json.loads` does, but refuse what readers of JSON differ in.

    Raises:
        ValueError: it is not JSON, nested too deeply, says ``NaN``, or names a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key '{twice:.60}' is there twice")
    return made


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")
