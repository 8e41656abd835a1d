"""The folded graph as SVG text; colours and fonts come from the page's style sheet, by class."""

from __future__ import annotations

import html
from collections.abc import Iterator
from unicodedata import east_asian_width

from qconv.printable import printable
from qconv.reporting.html.plots.graph_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    GAP_Y,
    Box,
    Layout,
    Line,
    layout,
)
from qconv.reporting.picture_data import Island, Picture
from qconv.reporting.sentences import counted

_WORDS = {
    "integer": "in integers",
    "float": "in float",
    "mixed": "in integers and in float",
    "other": "no floats",
}
_PADDING = 8
_LONGEST_TITLE = 640
"""Bytes of what is shown on hover, with all that is escaped in it."""
_MOST_CHARACTERS = 64
"""More than fit into a box."""
_NARROW, _BROAD = set("fijlrt.,:;|!()[]/ -I"), set("mwMW@%")


def picture(graph: Picture) -> str:
    """Draw a graph: a box for each island with its label and kind, and on hover all of it.

    Everything that comes from a model is escaped.
    """
    plan = layout(graph)
    pairs = zip(graph.islands, plan.boxes, strict=True)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {plan.width:g} {plan.height:g}" '
            f'width="{plan.width:g}" role="img" aria-label="The graph" class="plot graph">',
            _lines(plan),
            *(_box(island, box) for island, box in pairs),
            "</svg>",
        ]
    )


def _lines(plan: Layout) -> str:
    parts = dict.fromkeys(part for line in plan.lines for part in _strokes(line))
    return f'<path class="edge" d="{"".join(parts)}"/>'


def _strokes(line: Line) -> Iterator[str]:
    """Yield what a line is drawn of; those of one island share the part beside the rows."""
    start, end, track = line.source, line.target, line.track
    if track is None:
        yield _curve(start.middle, start.bottom, end.middle, end.y)
        return
    below, above = start.bottom + GAP_Y / 2, end.y - GAP_Y / 2
    yield _curve(start.middle, start.bottom, track, below)
    yield f"M{track:g} {below:g}V{above:g}"
    yield _curve(track, above, end.middle, end.y)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    if x == to_x:
        return f"M{x:g} {y:g}V{to_y:g}"
    half = (y + to_y) / 2
    return f"M{x:g} {y:g}C{x:g} {half:g} {to_x:g} {half:g} {to_x:g} {to_y:g}"


def _box(island: Island, box: Box) -> str:
    kind = _WORDS[island.kind]
    size = counted(sum(island.operators.values()), "operator")
    operators = ", ".join(f"{count} {op}" for op, count in island.operators.items())
    title = f"{island.label}: {kind}, {operators}{'. ' if island.reason else ''}{island.reason}"
    x, y = box.x + _PADDING, box.y
    return (
        f'<g class="mark"><title>'
        f"{_escaped(title, _LONGEST_TITLE)}</title>"
        f'<rect x="{box.x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
        f'class="island {island.kind}"/>'
        f'<text x="{x:g}" y="{y + 16:g}" class="name strong">'
        f"{_fitting(island.label, keep_end=len(island.operators) == 1)}</text>"
        f'<text x="{x:g}" y="{y + 31:g}" class="name">'
        f"{_fitting(f'{kind}, {size}')}</text></g>"
    )


def _escaped(text: str, most: int) -> str:
    """Return text that is safe in SVG, cut to so many bytes."""
    kept: list[str] = []
    room = most
    for character in printable(text[: most + 1]):
        safe = html.escape(character)
        room -= len(safe.encode())
        if room < 0:
            return f"{''.join(kept)}…"
        kept.append(safe)
    return "".join(kept)


def _fitting(text: str, *, keep_end: bool = False) -> str:
    """Return text that is safe in SVG, cut to the width of a box, at its beginning if need be."""
    shown = printable(text[-_MOST_CHARACTERS:] if keep_end else text[:_MOST_CHARACTERS])
    room = float(BOX_WIDTH - 2 * _PADDING)
    if sum(map(_width, shown)) <= room:
        return html.escape(shown)
    room -= _width("…")
    kept: list[str] = []
    for character in reversed(shown) if keep_end else shown:
        room -= _width(character)
        if room < 0:
            break
        kept.append(character)
    if keep_end:
        return f"…{html.escape(''.join(reversed(kept)))}"
    return f"{html.escape(''.join(kept))}…"


def _width(character: str) -> float:
    """Return the pixels of a character, rather too many than too few."""
    if character in _NARROW:
        return 5.0
    broad = character in _BROAD or east_asian_width(character) in "WFA"
    return 12.0 if broad else 8.0
