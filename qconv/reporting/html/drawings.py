"""What a section of the page is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

MOST_ROWS = 60
"""Rows of a plot by layer; the table has them all."""


@dataclass(frozen=True)
class Grid:
    """A table of the page: titles, those of numbers marked, and rows of cells."""

    titles: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plot:
    """A drawing, and what it shows in words."""

    caption: str
    svg: Markup


def drawable(value: float | None) -> float:
    """Return a number, or NaN, which no drawing shows, for none and for one that is not finite."""
    return value if value is not None and math.isfinite(value) else math.nan
