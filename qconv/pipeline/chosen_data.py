"""The data that were chosen, to be opened for a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from qconv.data import NamedData
from qconv.errors import UsageError
from qconv.recipe.beside import find_beside
from qconv.recipe.preprocessor import NAME
from qconv.recipe.resolve import Chosen, require_data
from qconv.recipe.sources import DataSettings
from qconv.recipe.texts import TOKENIZER, TextOptions


def chosen_data(chosen: Chosen, model: Path) -> NamedData:
    """Return the data that were chosen.

    Images are fed as a preprocessor_config.json beside the model says, where no preset is chosen,
    and texts become tokens by a tokenizer.json beside it.

    Raises:
        UsageError: there are none, or a number is out of bounds.
        InputError, UnsupportedError: a preprocessor_config.json cannot be followed.
    """
    require_data(chosen)
    given = chosen.build(DataSettings)
    if not given.data:
        raise UsageError("`data` is needed: the samples to read")
    named = NamedData(
        given.data, given.samples, chosen.images(), texts=chosen.texts(), beside=_stated(chosen)
    )
    tokenizer = None if "tokenizer" in chosen else find_beside(model, TOKENIZER)
    if tokenizer is not None and named.has_texts:
        named = replace(named, texts=chosen.texts(tokenizer), beside=(*named.beside, tokenizer))
    found = None if given.image_preset is not None else find_beside(model, NAME)
    if found is None or not named.has_images:
        return named
    return replace(named, images=chosen.images(found), beside=(*named.beside, found))


def _stated(chosen: Chosen) -> tuple[Path, ...]:
    """Return the files that were named to say how data are read."""
    named = (chosen.build(DataSettings).image_preset, chosen.build(TextOptions).tokenizer)
    return tuple(each for each in named if isinstance(each, Path))
