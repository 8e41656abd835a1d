"""The section that shows what accuracy costs: size and latency against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qconv.reporting.catalog import metric_values
from qconv.reporting.html.pieces import Plot, Plots, Section
from qconv.reporting.html.plots import frame, scatter_plot
from qconv.reporting.html.plots.scale import Scale, drawable, from_zero, near
from qconv.reporting.html.plots.scatter_plot import Axis, Point
from qconv.reporting.report_data import Report

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class _Quality:
    """A metric of the outputs: its name, title, unit, what the float model has, what is most."""

    metric: str
    title: str
    unit: str
    perfect: float
    most: float


_TOP1 = _Quality("top1", "top-1", "%", math.nan, 100.0)
_QUALITIES = (
    _TOP1,
    _Quality("agreement", "agreement", "%", 100.0, 100.0),
    _Quality("sqnr_db", "SQNR", "dB", math.nan, math.inf),
)
_COSTS = (("size_mb", "Size", "MB"), ("latency_ms", "Latency", "ms"))


def tradeoffs(report: Report) -> Section | None:
    """Return size and latency against top-1 with labels, else against what there is instead."""
    plots = tuple(_plots(report))
    return Section("tradeoffs", "Trade-offs", (Plots(plots),)) if plots else None


def cut_note(*axes: Axis) -> str:
    """Return a sentence on each axis that does not begin at zero."""
    cut = (axis.title.partition(",")[0] for axis in axes if axis.scale.cut)
    return "".join(f" The axis of {name} is cut: it starts above 0." for name in cut)


def _plots(report: Report) -> Iterator[Plot]:
    models = (report.reference, *report.variants)
    values = [metric_values(report, model) for model in models]
    quality = _quality(values)
    if quality is None:
        return
    values[0].setdefault(quality.metric, quality.perfect)
    for cost, what, unit in _COSTS:
        points = [
            _point(model.name, index, (numbers[cost], unit), numbers[quality.metric], quality)
            for index, (model, numbers) in enumerate(zip(models, values, strict=True))
            if math.isfinite(drawable(numbers.get(cost)) + drawable(numbers.get(quality.metric)))
        ]
        if len(points) > 1:
            yield _plot(points, f"{what}, {unit}", quality)


def _quality(values: Sequence[Numbers]) -> _Quality | None:
    """Return the metric that tells the models apart best."""
    for quality in _QUALITIES:
        found = [numbers for numbers in values if quality.metric in numbers]
        if len(found) > 1 or (found and quality is not _TOP1):
            return quality
    return None


def _point(
    name: str, index: int, cost: tuple[float, str], value: float, quality: _Quality
) -> Point:
    number, unit = cost
    told = f"{name}: {number:.4g} {unit}, {quality.title} {value:.4g} {quality.unit}"
    return Point(name, number, value, told, frame.series(index - 1) if index else "ring")


def _plot(points: Sequence[Point], title: str, quality: _Quality) -> Plot:
    left, right = scatter_plot.LEFT, scatter_plot.RIGHT
    across = Axis(title, from_zero((point.x for point in points), left, right))
    values = [point.y for point in points]
    upright: Scale = near(values, scatter_plot.BOTTOM, scatter_plot.TOP + 8, quality.most)
    upward = Axis(f"{quality.title}, {quality.unit}", upright)
    caption = (
        f"{title.partition(',')[0]} against {quality.title}; the ring is the float model. "
        f"Up and to the left is better.{cut_note(upward)}"
    )
    return Plot(caption, scatter_plot.scatter(points, across, upward, caption))
