"""Rows of a name, a number and a bar, dots or a span below them, as wide as the drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from qconv.reporting.html.plots import frame, svg
from qconv.reporting.html.plots.scale import Scale, from_zero, logarithmic

_ROW = 30.0
_TRACK = 20.0
"""From the top of a row to the middle of what is drawn in it."""
_AXIS = 2 * frame.LINE
_ENDS = 6.0


@dataclass(frozen=True)
class Row:
    """A row: ``told`` stands beside its name, ``more`` is shown when it is pointed at.

    ``values`` are the parts of a bar or the places of dots, by series, or the ends and the middle
    of a span; NaN is not drawn.
    """

    name: str
    told: str
    more: str
    values: Mapping[str, float]


def bars(rows: Sequence[Row], caption: str) -> Markup:
    """Draw stacked bars from zero, the first on top; of the series, the one with most is first."""
    totals = {name: sum(row.values.get(name, 0.0) for row in rows) for name in _series(rows)}
    series = sorted(totals, key=lambda name: -totals[name])
    scale = Scale(0.0, max(sum(row.values.values()) for row in rows) or 1.0, 0.0, svg.WIDTH)
    named, top = frame.legend(series, 0.0)

    def stacked(row: Row, y: float) -> Iterator[Markup]:
        start = 0.0
        for index, name in enumerate(series):
            if value := row.values.get(name, 0.0):
                width = scale.place(value) - scale.place(0.0)
                yield svg.rectangle(start, y - 4, width, 8, frame.series(index))
                start += width

    drawn = (_row(row, top + _ROW * place, stacked) for place, row in enumerate(rows))
    return svg.drawing(top + _ROW * len(rows), caption, [*named, *drawn])


def dots(rows: Sequence[Row], unit: str, caption: str) -> Markup:
    """Draw dots on an axis from zero, one for each series, the first row on top."""
    series = _series(rows)
    scale = from_zero(_numbers(rows), _ENDS, svg.WIDTH - _ENDS)

    def dotted(row: Row, y: float) -> Iterator[Markup]:
        places = [scale.place(value) for value in row.values.values() if not math.isnan(value)]
        if len(places) > 1:
            yield svg.line((min(places), y), (max(places), y), "join")
        for index, name in enumerate(series):
            if not math.isnan(value := row.values.get(name, math.nan)):
                yield svg.circle(scale.place(value), y, 4, frame.series(index))

    named, top = frame.legend(series, 0.0) if len(series) > 1 else ([], 0.0)
    bottom = top + _ROW * len(rows)
    return svg.drawing(
        bottom + _AXIS,
        caption,
        [
            *named,
            *frame.across(scale, bottom, top, unit),
            *(_row(row, top + _ROW * place, dotted) for place, row in enumerate(rows)),
        ],
    )


def spans(rows: Sequence[Row], unit: str, caption: str) -> Markup:
    """Draw the least, the middle and the largest value of each row, on a logarithmic axis."""
    scale = logarithmic(_numbers(rows), _ENDS, svg.WIDTH - _ENDS)
    bottom = _ROW * len(rows)

    def spanned(row: Row, y: float) -> Iterator[Markup]:
        least, middle, largest = (scale.place(value) for value in sorted(row.values.values()))
        yield svg.rectangle(least, y - 3, max(1.0, largest - least), 6, "span")
        yield svg.line((middle, y - 5), (middle, y + 5), "middle")

    return svg.drawing(
        bottom + _AXIS,
        caption,
        [
            *frame.across(scale, bottom, 0.0, unit),
            *(_row(row, _ROW * place, spanned) for place, row in enumerate(rows)),
        ],
    )


def _row(row: Row, top: float, drawn: Callable[[Row, float], Iterable[Markup]]) -> Markup:
    room = svg.WIDTH - svg.text_width(row.told) - 8
    return svg.mark(
        row.more,
        svg.rectangle(0.0, top, svg.WIDTH, _ROW, "hit"),
        svg.text(0.0, top + svg.TEXT, row.name, kind="name", room=room),
        svg.text(svg.WIDTH, top + svg.TEXT, row.told, "end"),
        *drawn(row, top + _TRACK),
    )


def _series(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.values))


def _numbers(rows: Sequence[Row]) -> Iterator[float]:
    for row in rows:
        yield from (value for value in row.values.values() if not math.isnan(value))
