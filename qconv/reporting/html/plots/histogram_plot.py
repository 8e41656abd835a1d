"""How many numbers lie where, above the numbers that can be stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from qconv.reporting.contents import TensorHistogram
from qconv.reporting.html.plots import frame, svg
from qconv.reporting.html.plots.scale import Scale, drawable

_WIDTH, _HEIGHT = 260.0, 130.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, _WIDTH - 6, 18.0, _HEIGHT - 28
_TICKS = 9.0
"""Units between the bars and the axis, where the grid is drawn."""
_DENSE = 2.0
"""Ticks that are nearer than this are drawn as one."""


def histogram(tensor: TensorHistogram, caption: str) -> Markup | None:
    """Draw the bars on a logarithmic axis; None where the ends of the bins are no numbers."""
    low, high = drawable(tensor.low), drawable(tensor.high)
    if not low < high or not tensor.counts:
        return None
    margin = 0.03 * (high - low)
    across = Scale(low - margin, high + margin, _LEFT, _RIGHT)
    top = max(tensor.counts)
    upward = Scale(0.0, math.log10(1 + max(top, 1)), _BOTTOM - _TICKS, _TOP)
    return svg.drawing(
        _HEIGHT,
        caption,
        [
            *_counts(upward, top),
            *frame.across(across, _BOTTOM, _BOTTOM, ""),
            *_bars(tensor, low, high, across, upward),
            *_grid([level for level in map(drawable, tensor.grid) if level == level], across),
        ],
        width=_WIDTH,
    )


def _counts(upward: Scale, top: int) -> Iterator[Markup]:
    """Yield the axis of counts: up to four powers of ten, or 1 and what is most."""
    digits = len(str(max(top, 1)))
    counts = [10**power for power in range(0, digits, 1 + digits // 5)]
    for count in counts if digits > 1 else sorted({1, max(top, 1)}):
        y = upward.place(math.log10(1 + count))
        yield svg.line((_LEFT, y), (_RIGHT, y), "grid")
        said = f"{count:,}" if digits < 6 else f"1e{len(str(count)) - 1}"
        yield svg.text(_LEFT - 5, y + 4, said, "end")
    yield svg.text(0, frame.LINE - 4, "numbers")


def _bars(
    tensor: TensorHistogram, low: float, high: float, across: Scale, upward: Scale
) -> Iterator[Markup]:
    width = (high - low) / len(tensor.counts)
    wide = across.place(low + width) - across.place(low)
    for place, count in enumerate(tensor.counts):
        if count:
            left, y = low + place * width, upward.place(math.log10(1 + count))
            told = f"{left:.4g} to {left + width:.4g}: {count:,}"
            height = upward.start - y
            yield svg.mark(told, svg.rectangle(across.place(left), y, wide, height, "s1"))


def _grid(levels: Sequence[float], across: Scale) -> Iterator[Markup]:
    """Yield what can be stored: ticks, or a band where they are dense."""
    inside = [level for level in levels if across.low <= level <= across.high]
    y, end = _BOTTOM - _TICKS + 2, _BOTTOM - 1
    for first, last in _groups(sorted(map(across.place, inside))):
        if first == last:
            yield svg.line((first, y), (first, end), "tick")
        else:
            yield svg.rectangle(first, y, last - first, end - y, "band")
    for level in {min(levels), max(levels)} & set(inside) if levels else ():
        place = across.place(level)
        yield svg.line((place, _TOP), (place, end), "bound")


def _groups(places: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Yield the first and the last place of each run of near ones."""
    start = 0
    for index in range(1, len(places) + 1):
        if index == len(places) or places[index] - places[index - 1] > _DENSE:
            yield places[start], places[index - 1]
            start = index
