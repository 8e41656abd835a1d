"""The JSON schema of recipe files, for editors; ``python -m qconv.recipe.schema`` prints it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from qconv.recipe.fields import Range, Setting, arms, is_list
from qconv.recipe.walk import settings_by_option

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


def schema() -> dict[str, object]:
    """Return the schema: each key is an option, and there are no others."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "qconv recipe",
        "type": "object",
        "additionalProperties": False,
        "properties": {s.option.key: _property(s) for s in settings_by_option().values()},
    }


def _property(setting: Setting) -> dict[str, object]:
    allowed = [each for arm in arms(setting.hint) for each in _allowed(arm, setting.rule.within)]
    if setting.option.is_table:
        allowed.append({"type": "object", "additionalProperties": {"not": {"type": "object"}}})
    told: dict[str, object] = {"description": setting.option.help, "anyOf": allowed}
    if setting.default not in (None, ()):
        default = setting.default
        told["default"] = str(default) if isinstance(default, Path) else default
    return told


def _allowed(hint: Any, within: Range | None) -> list[dict[str, object]]:
    if get_origin(hint) is Literal:
        return [{"enum": list(get_args(hint))}]
    if get_origin(hint) is not tuple:
        bounded = within is not None and hint in (int, float)
        return [{"type": _TYPES[hint], **(_bounds(within) if within and bounded else {})}]
    each = [allowed for arm in arms(get_args(hint)[0]) for allowed in _allowed(arm, within)]
    inner = each[0] if len(each) == 1 else {"anyOf": each}
    if is_list(hint):
        return [*each, {"type": "array", "items": inner}]
    length = len(get_args(hint))
    return [{"type": "array", "items": inner, "minItems": length, "maxItems": length}]


def _bounds(within: Range) -> dict[str, object]:
    low = "exclusiveMinimum" if within.open else "minimum"
    high = {} if within.high == float("inf") else {"maximum": within.high}
    return {low: within.low, **high}


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(schema(), indent=2)}\n")
