"""Options as keyword arguments of Python: ``convert(..., dtype="fp16", image_fit="pad")``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from qconv.errors import UsageError
from qconv.recipe.fields import Setting, arms, choices, is_list, settings_of
from qconv.recipe.images import ImageOptions
from qconv.recipe.options import HALF, INT8, OPTIONS, OUTPUT, TYPES, WEIGHTS
from qconv.recipe.resolve import Chosen
from qconv.recipe.task_options import TASK_OPTIONS
from qconv.recipe.texts import TextOptions
from qconv.recipe.walk import settings_by_option

DATA_KEYWORDS = ("data", "text", "samples", "image_preset", *(
    each.option.name for kind in (ImageOptions, TextOptions) for each in settings_of(kind)
))  # fmt: skip
"""Names of the options that say which data to read, and how."""
TASK_KEYWORDS = tuple(option.name for option in TASK_OPTIONS)
"""Names of the options that say what outputs mean, and what a model is for."""
TYPE_KEYWORDS = tuple(n for n, o in OPTIONS.items() if o.group in (TYPES, INT8, WEIGHTS, HALF))
"""Names of the options that say what to convert to."""
STORAGE_KEYWORDS = tuple(n for n, option in OPTIONS.items() if option.group == OUTPUT)
"""Names of the options that say where weights go."""


def from_keywords(given: Mapping[str, object], allowed: Collection[str]) -> Chosen:
    """Return what keyword arguments choose; None stands for an option's default.

    What may be repeated is one value, a list or a tuple; paths may be texts.

    Raises:
        UsageError: there is no such option, or it may not have the value; with the nearest word.
    """
    values = {}
    for name, value in given.items():
        if name not in allowed:
            near = get_close_matches(name, list(allowed), n=1)
            raise UsageError(
                f"there is no option '{name}'", hint=f"did you mean {near[0]}?" if near else None
            )
        if value is not None:
            setting = settings_by_option()[name]
            values[name] = _value(setting, value)
            setting.check(values[name])
    return Chosen.of(values)


def _value(setting: Setting, value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(_one(setting, part) for part in value)
    return (_one(setting, value),) if is_list(setting.hint) else _one(setting, value)


def _one(setting: Setting, value: object) -> object:
    if not isinstance(value, str):
        return value
    word = setting.word(value)
    inner = get_args(setting.hint)[0] if is_list(setting.hint) else setting.hint
    return Path(value) if word not in choices(inner) and Path in arms(inner) else word
