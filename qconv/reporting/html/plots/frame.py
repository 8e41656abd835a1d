"""The axes around a plot, and the names of its series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from qconv.reporting.html.plots import svg
from qconv.reporting.html.plots.scale import LogScale, Scale

LINE = 14.0
"""Units from one line of text to the next."""
_SWATCH = 9.0


def across(scale: Scale | LogScale, bottom: float, top: float, title: str) -> Iterator[Markup]:
    """Yield the axis below a plot: lines up from its ticks, their numbers, and what they are."""
    for number, said in scale.ticks:
        x = scale.place(number)
        yield svg.line((x, top), (x, bottom), "grid")
        yield svg.text(x, bottom + LINE - 1, said, "middle")
    yield svg.line((scale.start, bottom), (scale.end, bottom), "axis")
    yield svg.text(scale.end, bottom + 2 * LINE - 1, title, "end")
    if isinstance(scale, Scale) and scale.cut:
        y, x = bottom, scale.start + 4
        yield svg.path([(x, y), (x + 3, y - 5), (x + 8, y + 5), (x + 11, y)], "cut")


def upward(scale: Scale, left: float, right: float, title: str) -> Iterator[Markup]:
    """Yield the axis on the left of a plot, with what it is above it."""
    for number, said in scale.ticks:
        y = scale.place(number)
        yield svg.line((left, y), (right, y), "grid")
        yield svg.text(left - 5, y + 4, said, "end")
    yield svg.line((left, scale.start), (left, scale.end), "axis")
    yield svg.text(0, LINE - 3, title)
    if scale.cut:
        x, y = left, scale.start - 4
        yield svg.path([(x, y), (x - 5, y - 3), (x + 5, y - 8), (x, y - 11)], "cut")


def legend(names: Sequence[str], top: float) -> tuple[list[Markup], float]:
    """Return what names the series by their colours, and where it ends."""
    drawn, x, y = [], 0.0, top
    for index, name in enumerate(names):
        needed = _SWATCH + 4 + svg.text_width(name) + 12
        if x and x + needed > svg.WIDTH:
            x, y = 0.0, y + LINE
        drawn.append(svg.rectangle(x, y + 2, _SWATCH, _SWATCH, series(index)))
        drawn.append(svg.text(x + _SWATCH + 4, y + 10, name))
        x += needed
    return drawn, y + LINE + 2


def series(index: int) -> str:
    """Return the class of a series: there are eight colours, used in turns."""
    return f"s{1 + index % 8}"
