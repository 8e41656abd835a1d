"""Models as points: what they cost across, how good they are upward."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from qconv.printable import printable
from qconv.reporting.html.plots import frame, svg
from qconv.reporting.html.plots.scale import Scale

HEIGHT = 220.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, svg.WIDTH - 12, 24.0, HEIGHT - 32
"""Edges of the plane between the axes."""
_LONGEST = 150.0

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Point:
    """A model; ``told`` says all of it, ``kind`` is its class: a series or ``ring``.

    An empty name is not shown.
    """

    name: str
    x: float
    y: float
    told: str
    kind: str


@dataclass(frozen=True)
class Axis:
    """A scale and what it shows."""

    title: str
    scale: Scale


def scatter(points: Sequence[Point], across: Axis, upward: Axis, caption: str) -> Markup:
    """Draw models as named points."""
    return _plane(points, across, upward, caption, ())


def front(points: Sequence[Point], across: Axis, upward: Axis, caption: str) -> Markup:
    """Draw points in their order, joined by a line."""
    joined = [(across.scale.place(each.x), upward.scale.place(each.y)) for each in points]
    return _plane(points, across, upward, caption, (svg.path(joined, "join"),))


def _plane(
    points: Sequence[Point], across: Axis, upward: Axis, caption: str, below: Sequence[Markup]
) -> Markup:
    places = [(across.scale.place(each.x), upward.scale.place(each.y)) for each in points]
    return svg.drawing(
        HEIGHT,
        caption,
        [
            *frame.upward(upward.scale, LEFT, RIGHT, upward.title),
            *frame.across(across.scale, BOTTOM, TOP, across.title),
            *below,
            *(
                svg.mark(point.told, svg.circle(x, y, 5, point.kind))
                for point, (x, y) in zip(points, places, strict=True)
            ),
            *_names(points, places),
        ],
    )


def _names(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> Iterator[Markup]:
    """Yield the points' names, each where it covers least of other names and points."""
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    for point, place in zip(points, places, strict=True):
        if not point.name:
            continue
        name = svg.fitted(printable(point.name), _LONGEST)
        rooms = _rooms(place, svg.text_width(name))
        box, anchor, x = min(rooms, key=lambda room: _cost(room[0], taken))
        taken.append(box)
        yield svg.text(x, box[3] - 3, name, anchor, kind="name")


def _rooms(place: tuple[float, float], width: float) -> Iterator[tuple[Box, str, float]]:
    """Yield rooms around a point for a name of this width, with its anchor and where that is."""
    x, y = place
    for anchor, at, top in (
        ("start", x + 9, y - 7),
        ("end", x - 9, y - 7),
        ("middle", x, y - 22),
        ("middle", x, y + 8),
        ("start", x + 5, y - 20),
        ("start", x + 5, y + 6),
        ("end", x - 5, y - 20),
        ("end", x - 5, y + 6),
    ):
        left = at - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
        yield (left, top, left + width, top + svg.TEXT + 3), anchor, at


def _cost(box: Box, taken: Sequence[Box]) -> float:
    """Return the area that a name would share with others, or have beyond the plane."""
    left, top, right, bottom = box
    area = (right - left) * (bottom - top)
    inside = _shared(box, (LEFT, TOP - 8, svg.WIDTH, BOTTOM))
    return math.fsum(_shared(box, other) for other in taken) + 4 * (area - inside)


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
