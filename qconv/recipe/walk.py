"""All settings, found by walking the settings classes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from qconv.recipe.fields import Checked, Setting, choices, settings_of
from qconv.recipe.images import ImageOptions
from qconv.recipe.options import OPTIONS
from qconv.recipe.settings import (
    DynamicSettings,
    Float32Settings,
    HalfSettings,
    Int8Settings,
    WeightOnlySettings,
)
from qconv.recipe.sources import (
    CalibrateSettings,
    ConvertSettings,
    DataSettings,
    ModelSettings,
    RunSettings,
    Storage,
)
from qconv.recipe.tasks import TaskSettings
from qconv.recipe.texts import TextOptions

CLASSES: Sequence[type[Checked]] = (
    ConvertSettings,
    ModelSettings,
    DataSettings,
    ImageOptions,
    TextOptions,
    CalibrateSettings,
    Int8Settings,
    DynamicSettings,
    WeightOnlySettings,
    HalfSettings,
    Float32Settings,
    Storage,
    TaskSettings,
    RunSettings,
)
"""Every settings class; one that comes first says more of what an option may be."""


@functools.cache
def settings_by_option() -> Mapping[str, Setting]:
    """Return of each option the setting that allows most values, in the order of the help."""
    found: dict[str, Setting] = {}
    for settings in CLASSES:
        for each in settings_of(settings):
            other = found.get(each.option.name)
            if other is None or len(choices(each.hint)) > len(choices(other.hint)):
                found[each.option.name] = each
    return {name: found[name] for name in OPTIONS}
