"""How a text becomes a model's numbers: the user's choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qconv.plugins import added_names
from qconv.recipe.fields import Checked, Range, setting

TOKENIZER = "tokenizer.json"
TEXT = "text:"
"""How a DATA argument begins that is a text, whatever its name is."""


def moved(place: str, move: Callable[[str], object]) -> str:
    """Return a DATA argument with its path changed by ``move``."""
    name, colon, _ = place.partition(":")
    source = bool(colon) and name.isidentifier() and name in added_names("data source")
    prefix = TEXT if place.startswith(TEXT) else f"{name}:" if source else ""
    return f"{prefix}{move(place.removeprefix(prefix))}"


@dataclass(frozen=True)
class TextOptions(Checked):
    """How lines or windows of a text become feeds.

    Attributes:
        tokenizer: a ``tokenizer.json`` of Hugging Face.
        window: tokens of a sample, which are cut out of the whole text; None makes each line a
            sample.
    """

    tokenizer: Path | None = None
    window: int | None = setting(None, option="text_window", within=Range(1))
