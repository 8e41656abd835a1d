"""The section on how a variant was found."""

from __future__ import annotations

import math

from qconv.reporting.contents import FoundPlan, SearchReport
from qconv.reporting.html.pieces import (
    Folded,
    Grid,
    Part,
    Parts,
    Piece,
    Plot,
    Plots,
    Section,
    Words,
)
from qconv.reporting.html.plots import row_plots, scatter_plot
from qconv.reporting.html.plots.row_plots import Row
from qconv.reporting.html.plots.scale import drawable, near
from qconv.reporting.html.plots.scatter_plot import Axis, Point
from qconv.reporting.html.sections.trade_offs import cut_note
from qconv.reporting.report_data import Report
from qconv.reporting.report_tables import decibels

_MOST_ROWS = 8


def search(report: Report) -> Section | None:
    """Return what a search has measured, None where there was none."""
    if report.search is None:
        return None
    found = _Search(report.search)
    parts = (found.plans(), found.kinds(), found.layers())
    shown = Parts(tuple(part for part in parts if part is not None))
    return Section("search", "Search", (Words(found.sentence), shown))


class _Search:
    def __init__(self, search: SearchReport) -> None:
        self._search = search
        self._small = search.form == "int4"

    @property
    def sentence(self) -> str:
        other = "with weights of 4 bits" if self._small else "in float"
        return (
            f"Found by qconv tune for {self._search.objective}, among files with 8-bit layers and "
            f"some {other}, and files of other kinds."
        )

    def plans(self) -> Part:
        """The plans that no other one beats, and the chosen one."""
        dear = "layers in 8 bits" if self._small else "layers in float"
        grid = Grid.of(
            "Plans of the search",
            f"{'MB' if self._small else 'speed-up'}#, SQNR dB#, {dear}#, choice",
            (
                (
                    f"{self._cost(each):.2f}",
                    decibels(each.sqnr_db),
                    str(each.layers),
                    "chosen" if each.chosen else "",
                )
                for each in self._search.plans
            ),
        )
        pieces: list[Piece] = [Folded(f"{len(grid.rows)} plans as a table", (grid,))]
        if (plot := self._front()) is not None:
            pieces.insert(0, Plots((plot,)))
        return Part("plans", "Plans that no other one beats", tuple(pieces))

    def _front(self) -> Plot | None:
        points = [
            self._point(each)
            for each in self._search.plans
            if math.isfinite(drawable(self._cost(each)) + drawable(each.sqnr_db))
        ]
        if not points:
            return None
        title, better = ("size, MB", "left") if self._small else ("speed-up", "right")
        left, right = scatter_plot.LEFT, scatter_plot.RIGHT - 8
        bottom, top = scatter_plot.BOTTOM, scatter_plot.TOP + 8
        across = Axis(title, near([point.x for point in points], left, right))
        upward = Axis("SQNR, dB", near([point.y for point in points], bottom, top))
        caption = (
            "Plans that no other one beats, the chosen one with a name: error at the outputs on "
            f"samples that calibrated. Up and to the {better} is better.{cut_note(across, upward)}"
        )
        return Plot(caption, scatter_plot.front(points, across, upward, caption))

    def _point(self, plan: FoundPlan) -> Point:
        layers = "1 layer" if plan.layers == 1 else f"{plan.layers} layers"
        name = f"{layers} in {'8 bits' if self._small else 'float'}"
        cost = f"{self._cost(plan):.2f}{' MB' if self._small else 'x'}"
        told = (
            f"{name}: {cost}, SQNR {decibels(plan.sqnr_db)} dB{', chosen' if plan.chosen else ''}"
        )
        return Point(
            name if plan.chosen else "",
            self._cost(plan),
            plan.sqnr_db,
            told,
            "s2" if plan.chosen else "s1",
        )

    def _cost(self, plan: FoundPlan) -> float:
        """Return MB, or the speed-up; NaN where it is not there."""
        cost = plan.size_bytes if self._small else plan.speedup
        return math.nan if cost is None else cost / 1e6 if self._small else cost

    def kinds(self) -> Part | None:
        """Files of other kinds, if any was tried."""
        grid = Grid.of(
            "Files of other kinds",
            "file, MB#, speed-up#, SQNR dB#, meets the goal, choice",
            (
                (
                    each.name,
                    f"{each.size_bytes / 1e6:.2f}",
                    f"{each.speedup:.2f}",
                    decibels(each.sqnr_db),
                    "yes" if each.holds else "no",
                    "chosen" if each.chosen else "",
                )
                for each in self._search.kinds
            ),
        )
        return Part("kinds", "Files of other kinds", (grid,)) if grid.rows else None

    def layers(self) -> Part | None:
        """The layers that lose most."""
        layers = self._search.layers
        if not layers:
            return None
        bits = "4 bits, all others in 8" if self._small else "8 bits, all others in float"
        caption = f"SQNR of the outputs with one layer alone in {bits}; higher is better."
        rows = [
            Row(
                each.name,
                f"{decibels(each.sqnr_db)} dB",
                f"{each.name}: {decibels(each.sqnr_db)} dB",
                {"alone": drawable(each.sqnr_db)},
            )
            for each in layers[:_MOST_ROWS]
        ]
        more = "bytes more in 8 bits" if self._small else "% of the float time more in float"
        grid = Grid.of(
            "Layers of the search",
            f"layer, alone dB#, {more}#",
            ((each.name, decibels(each.sqnr_db), self._more(each.cost)) for each in layers),
        )
        return Part(
            "layers",
            "Layers that lose most",
            (
                Plots((Plot(caption, row_plots.dots(rows, "SQNR, dB", caption)),)),
                Folded(f"{len(layers)} layers as a table", (grid,)),
            ),
        )

    def _more(self, cost: float) -> str:
        return f"{cost:.0f}" if self._small else f"{100 * cost:.2f}"
