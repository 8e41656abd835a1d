"""One number of each layer, from the first layer of a model to the last."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from qconv.reporting.html.plots import frame, svg
from qconv.reporting.html.plots.scale import from_zero

_HEIGHT = 200.0
_LEFT, _RIGHT, _BOTTOM = 30.0, svg.WIDTH - 4, _HEIGHT - 20
MOST_COLUMNS = 150
"""Layers that are drawn one by one; of more, neighbours share a column."""


@dataclass(frozen=True)
class Layer:
    """A layer: ``told`` says all of it; NaN among its ``values``, by series, is not drawn."""

    told: str
    values: Mapping[str, float]


def depth(layers: Sequence[Layer], unit: str, caption: str) -> Markup:
    """Draw a line for each series, through what each layer has of it."""
    series = list(dict.fromkeys(name for layer in layers for name in layer.values))
    named, top = frame.legend(series, 0.0)
    numbers = [value for layer in layers for value in layer.values.values()]
    scale = from_zero(filter(math.isfinite, numbers), _BOTTOM, top + 4)
    apart = (_RIGHT - _LEFT) / len(layers)
    places = [_LEFT + apart * (index + 0.5) for index in range(len(layers))]

    def marks() -> Iterator[Markup]:
        for layer, x in zip(layers, places, strict=True):
            hit = svg.rectangle(x - apart / 2, top, apart, _BOTTOM - top, "hit")
            shapes = [
                svg.circle(x, scale.place(value), min(2.5, 1 + apart / 3), frame.series(index))
                for index, name in enumerate(series)
                if not math.isnan(value := layer.values.get(name, math.nan))
            ]
            yield svg.mark(layer.told, hit, *shapes)

    def lines() -> Iterator[Markup]:
        for index, name in enumerate(series):
            for run in _runs([layer.values.get(name, math.nan) for layer in layers]):
                points = [(places[place], scale.place(value)) for place, value in run]
                yield svg.path(points, f"run l{frame.series(index)[1:]}")

    return svg.drawing(
        _HEIGHT,
        caption,
        [
            *named,
            *frame.upward(scale, _LEFT, _RIGHT, ""),
            svg.text(svg.WIDTH, frame.LINE - 4, unit, "end"),
            svg.text(_LEFT, _HEIGHT - 5, "first layer"),
            svg.text(_RIGHT, _HEIGHT - 5, "last layer", "end"),
            *lines(),
            *marks(),
        ],
    )


def _runs(values: Sequence[float]) -> Iterator[list[tuple[int, float]]]:
    """Yield the stretches of two numbers or more without a NaN between them."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate([*values, math.nan]):
        if not math.isnan(value):
            run.append((place, value))
            continue
        if len(run) > 1:
            yield run
        run = []
