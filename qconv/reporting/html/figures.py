"""Plots as SVG text for a page whose colours are CSS variables: the only home of matplotlib."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from qconv.printable import printable
from qconv.reporting.contents import TensorHistogram

_STAND_INS = {
    "#010101": "var(--ink)",
    "#020202": "var(--faint)",
    **{f"#0303{number:02x}": f"var(--series-{number})" for number in range(1, 9)},
}
"""Colours that no plot uses otherwise, and the CSS variables that take their place."""
INK, FAINT, *SERIES = _STAND_INS
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "legend.frameon": False,
}
_WIDTH = 7.2
_LONGEST_NAME = 42


@dataclass(frozen=True)
class Point:
    """One model in a scatter plot."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart: a part for each series, in its unit."""

    name: str
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Span:
    """One row of a range chart: from ``low`` over ``middle`` to ``high``."""

    name: str
    low: float
    middle: float
    high: float


def scatter(points: Sequence[Point], x_label: str, y_label: str, salt: str) -> str:
    """Draw models as labelled points; the first, the float model, as a ring."""
    with _figure(salt, 4.2) as (figure, axes, done):
        for index, point in enumerate(points):
            colour = INK if index == 0 else SERIES[(index - 1) % len(SERIES)]
            face = "none" if index == 0 else colour
            axes.plot([point.x], [point.y], "o", ms=9, mec=colour, mfc=face, mew=1.8)
        _label_plane(axes, points, x_label, y_label)
        done.append(_svg(figure))
    return str(done[0])


def front(
    points: Sequence[Point], chosen: Sequence[Point], x_label: str, y_label: str, salt: str
) -> str:
    """Draw points in their order as one line, and those that were chosen as rings."""
    with _figure(salt, 3.4) as (figure, axes, done):
        axes.plot(
            [point.x for point in points],
            [point.y for point in points],
            "o-",
            color=SERIES[0],
            ms=5,
        )
        for point in chosen:
            axes.plot([point.x], [point.y], "o", ms=13, mec=SERIES[1], mfc="none", mew=2)
        _label_plane(axes, chosen, x_label, y_label)
        done.append(_svg(figure))
    return str(done[0])


def bars(rows: Sequence[Bar], x_label: str, salt: str) -> str:
    """Draw stacked horizontal bars, one row each, the first on top."""
    series = list(dict.fromkeys(name for row in rows for name in row.parts))
    with _figure(salt, _height(len(rows)), margin=_room(rows)) as (figure, axes, done):
        places = range(len(rows))
        starts = [0.0] * len(rows)
        for index, name in enumerate(series):
            widths = [row.parts.get(name, 0.0) for row in rows]
            axes.barh(places, widths, 0.75, starts, color=SERIES[index % len(SERIES)], label=name)
            starts = [start + width for start, width in zip(starts, widths, strict=True)]
        _name_rows(axes, [row.name for row in rows])
        axes.set_xlabel(x_label)
        axes.grid(visible=True, axis="x")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=min(6, len(series)), borderpad=0
        )
        done.append(_svg(figure))
    return str(done[0])


def lines(
    names: Sequence[str], series: Mapping[str, Sequence[float]], x_label: str, salt: str
) -> str:
    """Draw each series as dots beside the names, one row each, the first on top."""
    with _figure(salt, _height(len(names)), margin=_room(names)) as (figure, axes, done):
        for index, (name, values) in enumerate(series.items()):
            style = {"color": SERIES[index % len(SERIES)], "label": name, "ms": 4, "lw": 1}
            axes.plot(values, range(len(names)), "o-", **style)
        _name_rows(axes, names)
        axes.set_xlabel(x_label)
        axes.grid(visible=True, axis="x")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series))
        done.append(_svg(figure))
    return str(done[0])


def spans(rows: Sequence[Span], x_label: str, salt: str) -> str:
    """Draw a span with its middle for each row, on a logarithmic axis."""
    with _figure(salt, _height(len(rows)), margin=_room(rows)) as (figure, axes, done):
        places = list(range(len(rows)))
        lows, highs = [row.low for row in rows], [row.high for row in rows]
        axes.hlines(places, lows, highs, color=SERIES[0], lw=4, alpha=0.45)
        axes.plot([row.middle for row in rows], places, "|", color=INK, ms=7, mew=1.6)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        _name_rows(axes, [row.name for row in rows])
        axes.set_xlabel(x_label)
        axes.grid(visible=True, axis="x")
        done.append(_svg(figure))
    return str(done[0])


def histogram(tensor: TensorHistogram, salt: str) -> str:
    """Draw how many numbers lie where, on a logarithmic axis, above the grid of what is stored."""
    with _figure(salt, 2.3, width=4.6) as (figure, axes, done):
        bins = len(tensor.counts)
        width = (tensor.high - tensor.low) / bins
        edges = [tensor.low + index * width for index in range(bins + 1)]
        axes.stairs(tensor.counts, edges, fill=True, color=SERIES[0], alpha=0.75)
        axes.set_yscale("symlog", linthresh=1)
        top = max((*tensor.counts, 1))
        powers = [10**power for power in range(len(str(top)))]
        axes.set_yticks(powers, [f"{power:,}" for power in powers])
        axes.minorticks_off()
        axes.set_ylim(-1.4, top * 2)
        margin = 0.04 * (tensor.high - tensor.low) or 1.0
        low, high = tensor.low - margin, tensor.high + margin
        ticks = [level for level in tensor.grid if low <= level <= high]
        x = [place for level in ticks for place in (level, level, float("nan"))]
        y = [place for _ in ticks for place in (-1.3, -0.3, float("nan"))]
        axes.plot(x, y, "-", color=SERIES[1], lw=0.7, solid_capstyle="butt")
        for end in {tensor.grid[0], tensor.grid[-1]} & set(ticks):
            axes.axvline(end, color=SERIES[1], lw=1, ls=":")
        axes.set_xlim(low, high)
        axes.set_ylabel("numbers")
        done.append(_svg(figure))
    return str(done[0])


@contextmanager
def _figure(
    salt: str, height: float, width: float = _WIDTH, margin: float = 0.75
) -> Iterator[tuple[Figure, Any, list[str]]]:
    """Yield a figure, its axes, and a list that takes the drawing while the style is set.

    Sizes are inches; ``margin`` is the room to the left of the axes.
    """
    style: Any = {**_STYLE, "svg.hashsalt": salt}
    with rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that the measuring font lacks
        figure = Figure(figsize=(width, height))
        left, bottom, top = margin / width, 0.5 / height, 1 - 0.35 / height
        yield figure, figure.add_axes((left, bottom, 0.98 - left, top - bottom)), []


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(stream, format="svg", transparent=True, metadata=metadata)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 aria-hidden="true"', text, count=1)
    for colour, variable in _STAND_INS.items():
        text = text.replace(colour, variable)
    return re.sub(r"\n\s*", "\n", text)


def _label_plane(axes: Any, points: Sequence[Point], x_label: str, y_label: str) -> None:
    """Name both axes and some points, and leave room for the names."""
    _label_points(axes, points)
    axes.margins(0.18, 0.18)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(visible=True)


def _label_points(axes: Any, points: Sequence[Point]) -> None:
    """Write names beside the points, above and below in turns along the x axis."""
    order = sorted(range(len(points)), key=lambda index: points[index].x)
    for turn, index in enumerate(order):
        point = points[index]
        axes.annotate(
            _short(point.name),
            (point.x, point.y),
            xytext=(0, 9 if turn % 2 == 0 else -18),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _height(rows: int) -> float:
    return 1.0 + 0.19 * rows


def _room(rows: Sequence[Bar] | Sequence[Span] | Sequence[str]) -> float:
    """Return the inches that the longest name takes."""
    names = [row if isinstance(row, str) else row.name for row in rows]
    return 0.35 + 0.062 * max(len(_short(name)) for name in names)


def _short(name: str) -> str:
    """Return the end of a long name, which tells more than its beginning."""
    text = printable(name)
    return text if len(text) <= _LONGEST_NAME else f"…{text[1 - _LONGEST_NAME :]}"
