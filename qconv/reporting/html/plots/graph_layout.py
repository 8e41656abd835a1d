"""Where the boxes and lines of a folded graph stand: rows from top to bottom, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from qconv.reporting.picture_data import Picture

BOX_WIDTH, BOX_HEIGHT = 214, 38
GAP_Y = 26
_GAP_X = 20
_IN_ROW = 3
_TRACK = 9
"""Between lines that pass rows at their right end."""
_MARGIN = 6


@dataclass(frozen=True)
class Box:
    """Left and top of an island's box, whose size is always the same."""

    x: float
    y: float

    @property
    def middle(self) -> float:
        """Where lines begin and end."""
        return self.x + BOX_WIDTH / 2

    @property
    def bottom(self) -> float:
        """Below it."""
        return self.y + BOX_HEIGHT


@dataclass(frozen=True)
class Line:
    """An edge from one box to another: straight there, or past the rows between at ``track``."""

    source: Box
    target: Box
    track: float | None


@dataclass(frozen=True)
class Layout:
    """The boxes in the order of the islands, the lines, and the size of all of it."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


def layout(graph: Picture) -> Layout:
    """Lay a graph out, each island in a row below all that it reads.

    Islands that as long a path leads to stand side by side, at most three in a row. Lines cross no
    box: those that pass rows do so to the right of all boxes, those of one island together.
    """
    rows = _rows(graph)
    row_of = {island: place for place, row in enumerate(rows) for island in row}
    area = max(map(len, rows), default=1) * (BOX_WIDTH + _GAP_X) - _GAP_X
    boxes: dict[int, Box] = {}
    for place, row in enumerate(rows):
        width = len(row) * (BOX_WIDTH + _GAP_X) - _GAP_X
        left, top = _MARGIN + (area - width) / 2, _MARGIN + place * (BOX_HEIGHT + GAP_Y)
        for index, island in enumerate(_by_sources(row, graph, boxes)):
            boxes[island] = Box(left + index * (BOX_WIDTH + _GAP_X), top)
    tracks = _tracks(graph, row_of)
    lines = tuple(
        Line(
            boxes[source],
            boxes[target],
            None
            if row_of[target] == row_of[source] + 1
            else _MARGIN + area + _GAP_X + tracks[source] * _TRACK,
        )
        for source, target in graph.edges
    )
    passing = max(tracks.values(), default=-1) + 1
    return Layout(
        tuple(boxes[island] for island in range(len(graph.islands))),
        lines,
        2 * _MARGIN + area + (_GAP_X + passing * _TRACK if passing else 0),
        2 * _MARGIN + max(1, len(rows)) * (BOX_HEIGHT + GAP_Y) - GAP_Y,
    )


def _rows(graph: Picture) -> list[list[int]]:
    """Return the islands by the longest path that leads to each, in rows that are not too long."""
    levels = [0] * len(graph.islands)
    for source, target in sorted(graph.edges, key=lambda edge: edge[1]):
        levels[target] = max(levels[target], levels[source] + 1)
    by_level: dict[int, list[int]] = {}
    for island, level in enumerate(levels):
        by_level.setdefault(level, []).append(island)
    return [
        islands[start : start + _IN_ROW]
        for _, islands in sorted(by_level.items())
        for start in range(0, len(islands), _IN_ROW)
    ]


def _by_sources(row: list[int], graph: Picture, boxes: dict[int, Box]) -> list[int]:
    """Order a row as the islands that it reads stand."""

    def place(island: int) -> float:
        found = [boxes[source].middle for source, target in graph.edges if target == island]
        return fmean(found) if found else 0.0

    return sorted(row, key=place)


def _tracks(graph: Picture, row_of: dict[int, int]) -> dict[int, int]:
    """Give each island with lines that pass rows a track that no other one uses beside it."""
    last: dict[int, int] = {}
    for source, target in graph.edges:
        if row_of[target] > row_of[source] + 1:
            last[source] = max(last.get(source, 0), row_of[target])
    free_from: list[int] = []
    tracks = {}
    for source in sorted(last, key=lambda island: row_of[island]):
        free = (track for track, row in enumerate(free_from) if row <= row_of[source])
        track = next(free, len(free_from))
        free_from[track : track + 1] = [last[source]]
        tracks[source] = track
    return tracks
