"""What smaller and faster costs, as a picture in Mermaid.

GitHub and GitLab draw it in a comment, where they show neither SVG nor images that a page brings
along. The language is that of https://mermaid.js.org/syntax/quadrantChart.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qconv.reporting.catalog import metric_values
from qconv.reporting.report_data import Report

_HEAD = '%%{init: {"quadrantChart": {"chartWidth": 640, "chartHeight": 320}}}%%\nquadrantChart'
_LONGEST = 28
_PLAIN = frozenset(" .-_+=()")
"""Characters beside letters and digits that mean nothing inside of quotes."""

_COSTS = (("size_mb", "size (MB)", "smaller", "larger"),
          ("latency_ms", "latency (ms)", "faster", "slower"))  # fmt: skip


@dataclass(frozen=True)
class _Loss:
    """What is lost by a metric: its name, words for it, and how the metric becomes it."""

    metric: str
    words: str
    of: Callable[[float], float]


_OF_TASKS = {
    "boxes": _Loss("boxes_f1", "boxes not found alike (%)", lambda found: 100 - found),
    "ctc": _Loss("ctc_same", "texts read otherwise (%)", lambda same: 100 - same),
    "similarity": _Loss("similarity", "rank correlation lost", lambda ranks: 1 - ranks),
    "map": _Loss("map_agreement", "points of another class (%)", lambda same: 100 - same),
    "perplexity": _Loss(
        "perplexity_ratio", "perplexity added (%)", lambda ratio: 100 * ratio - 100
    ),
}
_OF_OUTPUTS = (
    _Loss("top1_drop", "points of top-1 lost", lambda drop: drop),
    _Loss("agreement", "answers changed (%)", lambda same: 100 - same),
    _Loss("sqnr_db", "outputs off by (%)", lambda db: 100 * 10 ** (-db / 20)),
)


@dataclass(frozen=True)
class _Point:
    name: str
    cost: float
    loss: float


def trade_offs(report: Report) -> Iterator[str]:
    """Yield size, then latency, against what is lost: a Mermaid diagram each, without its fence.

    What is lost is that of the bottom line: by the task, in top-1, in answers, or at the outputs.
    Where it was not measured there is no picture.
    """
    values = [metric_values(report, variant) for variant in report.variants]
    loss = _loss(report, values)
    if loss is None:
        return
    floats = metric_values(report, report.reference)
    for cost, words, less, more in _COSTS:
        points = [
            _Point(variant.name, numbers[cost], loss.of(numbers[loss.metric]))
            for variant, numbers in zip(report.variants, values, strict=True)
            if cost in numbers and loss.metric in numbers
        ]
        points = [point for point in points if math.isfinite(point.cost + point.loss)]
        if points and math.isfinite(base := floats.get(cost, math.nan)):
            points.insert(0, _Point(report.reference.name, base, 0.0))
            yield _diagram(points, f"{words} against {loss.words}", less, more)


def _loss(report: Report, values: Sequence[Mapping[str, float]]) -> _Loss | None:
    own = _OF_TASKS.get(report.task or "")
    for loss in (*([own] if own else []), *_OF_OUTPUTS):
        if any(loss.metric in numbers for numbers in values):
            return loss
    return None


def _diagram(points: Sequence[_Point], title: str, less: str, more: str) -> str:
    right = max(point.cost for point in points)
    low, high = min(point.loss for point in points), max(point.loss for point in points)
    lines = [
        f"title {title}",
        f'x-axis "{less}" --> "{more}"',
        'y-axis "loses less" --> "loses more"',
        *(
            f'"{_plain(point.name)} ({point.cost:.3g}, {point.loss:.3g})": '
            f"[{0.2 + 0.6 * _share(point.cost, 0, right):.3f}, "
            f"{0.15 + 0.7 * _share(point.loss, low, high):.3f}]"
            for point in points
        ),
    ]
    return "\n    ".join([_HEAD, *lines])


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.0


def _plain(name: str) -> str:
    """Return a name that ends neither quotes nor a fence, and begins no directive."""
    plain = "".join(char if char.isalnum() or char in _PLAIN else "_" for char in name)
    return plain if len(plain) <= _LONGEST else f"...{plain[3 - _LONGEST :]}"
