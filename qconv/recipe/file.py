"""Recipe files: options by their names, in TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from qconv.errors import InputError, UsageError
from qconv.files import require_regular
from qconv.recipe.fields import arms, choices, is_list
from qconv.recipe.options import OPTIONS
from qconv.recipe.resolve import Chosen
from qconv.recipe.texts import moved
from qconv.recipe.walk import settings_by_option

_MOST_BYTES = 1_000_000
_CURRENT = {old: option.key for option in OPTIONS.values() for old in option.old_keys}
PLACES: Mapping[str, Callable[[str], bool]] = {
    "data": lambda _: True,
    "test_data": lambda _: True,
    "metric": lambda text: ":" in text or not text,
    "box_layout": lambda text: ":" in text,
}
"""Options that are texts and name files, each with which texts do: a script has the name of a
function behind its own, and a metric that a package adds has a name alone."""


def read_recipe(path: Path) -> Chosen:
    """Read what a recipe file chooses.

    Its keys are the options of the command line without the dashes in front: ``block-size = 64``.
    What may be repeated is a list; one value will do, too. Paths are taken from the folder of the
    file.

    Raises:
        InputError: there is no such file, or it is no TOML.
        UsageError: a key is none of the options, or a value not one that it may have; with the
            line and the nearest word.
    """
    if require_regular(path, "a recipe", InputError) > _MOST_BYTES:
        raise InputError(f"{path}: is larger than 1 MB, which no recipe is")
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no TOML: {error}") from error
    values = {}
    for key, value in content.items():
        name = _CURRENT.get(key, key).replace("-", "_")
        place = f"{path}{_line(text, key)}"
        if name not in OPTIONS or "_" in key:
            keys = [option.key for option in OPTIONS.values()]
            near = get_close_matches(key.replace("_", "-"), keys, n=1)
            raise UsageError(
                f"{place}: there is no option '{key}'",
                hint=f"did you mean {near[0]}?" if near else None,
            )
        setting = settings_by_option()[name]
        try:
            if isinstance(value, dict) and OPTIONS[name].is_table:
                value = _pairs(value)
            values[name] = _value(setting.hint, value, path.parent, PLACES.get(name))
            setting.check(values[name])
        except UsageError as error:
            told = str(error).replace("`", "'").replace(f"'{name}'", f"'{key}'")
            raise UsageError(f"{place}: {told}", hint=error.hint) from error
    return Chosen.of(values)


def _line(text: str, key: str) -> str:
    name = rf"[\"']?{re.escape(key)}[\"']?"
    found = re.search(rf"(?m)^\s*(?:{name}\s*=|\[\s*{name}\s*\])", text)
    return "" if found is None else f" line {text.count(chr(10), 0, found.end()) + 1}"


def _pairs(table: dict[str, object]) -> list[object]:
    """Return a table as the command line has it: ``NAME=VALUE``, numbers with commas between."""
    return [
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in table.items()
    ]


def _value(
    hint: Any, value: object, folder: Path, is_place: Callable[[str], bool] | None
) -> object:
    """Return a value of TOML as the settings have it: lists as tuples, paths as paths."""
    lists = [arm for arm in arms(hint) if is_list(arm)]
    if isinstance(value, list):
        inner = get_args(lists[0])[0] if lists else None
        return tuple(_value(inner, part, folder, is_place) for part in value)
    if lists and lists == list(arms(hint)):
        return (_value(get_args(lists[0])[0], value, folder, is_place),)
    if isinstance(value, str) and value in choices(hint):
        return value
    if isinstance(value, str) and (Path in arms(hint) or (is_place and is_place(value))):
        if not value or "\0" in value:
            raise UsageError("it names no file")
        return moved(value, folder.joinpath) if is_place else folder / value
    return value
