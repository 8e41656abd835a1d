"""The data that were chosen, to be opened for a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from qconv.data import NamedData
from qconv.errors import UsageError
from qconv.recipe.preprocessor import find_preprocessor
from qconv.recipe.resolve import Chosen, require_data
from qconv.recipe.sources import DataSettings


def chosen_data(chosen: Chosen, model: Path) -> NamedData:
    """Return the data that were chosen.

    Images are fed as a preprocessor_config.json beside the model says, where no preset is chosen.

    Raises:
        UsageError: there are none, or a number is out of bounds.
        InputError, UnsupportedError: a preprocessor_config.json cannot be followed.
    """
    require_data(chosen)
    given = chosen.build(DataSettings)
    if not given.data:
        raise UsageError("`data` is needed: the samples to read")
    stated = given.image_preset if isinstance(given.image_preset, Path) else None
    beside = () if stated is None else (stated,)
    named = NamedData(given.data, given.samples, chosen.images(), beside)
    found = None if given.image_preset is not None else find_preprocessor(model)
    if found is None or not named.has_images:
        return named
    return replace(named, images=chosen.images(found), beside=(found,))
