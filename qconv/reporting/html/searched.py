"""The section of the page on how a variant was found."""

from __future__ import annotations

import math
from functools import cached_property

from markupsafe import Markup

from qconv.reporting import report_tables
from qconv.reporting.contents import FoundPlan, SearchReport
from qconv.reporting.html import figures
from qconv.reporting.html.drawings import MOST_ROWS, Grid, Plot, drawable
from qconv.reporting.html.figures import Point


class Searched:
    """What a search has measured."""

    def __init__(self, search: SearchReport) -> None:
        self._search = search
        self._small = search.form == "int4"

    @property
    def sentence(self) -> str:
        """What was looked for."""
        other = "with weights of 4 bits" if self._small else "in float"
        return (
            f"Found by qconv tune for {self._search.objective}, among files whose layers are of 8 "
            f"bits, but for some {other}, and files of other kinds."
        )

    @cached_property
    def front_plot(self) -> Plot | None:
        """The plans that no other one beats, and the chosen one."""
        found = [(self._point(each), each.chosen) for each in self._search.plans]
        points = [point for point, _ in found if math.isfinite(point.x + point.y)]
        if not points:
            return None
        chosen = [point for point, taken in found if taken and point in points]
        label = "MB" if self._small else "times as fast as the float model"
        better = "left" if self._small else "right"
        return Plot(
            f"Plans that no other one beats, and the chosen one (ring): error at the outputs on "
            f"samples that calibrated. Up and to the {better} is better.",
            Markup(figures.front(points, chosen, label, "SQNR, dB", "search-front")),
        )

    def _point(self, plan: FoundPlan) -> Point:
        layers = "1 layer" if plan.layers == 1 else f"{plan.layers} layers"
        name = f"{layers} in {'8 bits' if self._small else 'float'}"
        return Point(name, self._cost(plan), plan.sqnr_db)

    def _cost(self, plan: FoundPlan) -> float:
        """Return MB, or the speed-up; NaN where it is not there."""
        cost = plan.size_bytes if self._small else plan.speedup
        return math.nan if cost is None else cost / 1e6 if self._small else cost

    @cached_property
    def plans(self) -> Grid:
        """The same as a table."""
        dear = "layers in 8 bits" if self._small else "layers in float"
        rows = tuple(
            (
                f"{self._cost(each):.2f}",
                report_tables.decibels(each.sqnr_db),
                str(each.layers),
                "chosen" if each.chosen else "",
            )
            for each in self._search.plans
        )
        titles = ("MB" if self._small else "speed-up", "SQNR, dB", dear, "")
        return Grid(titles, (True, True, True, False), rows)

    @cached_property
    def kinds(self) -> Grid | None:
        """Files of other kinds, if any was tried."""
        rows = tuple(
            (
                each.name,
                f"{each.size_bytes / 1e6:.2f}",
                f"{each.speedup:.2f}",
                report_tables.decibels(each.sqnr_db),
                "yes" if each.holds else "no",
                "chosen" if each.chosen else "",
            )
            for each in self._search.kinds
        )
        titles = ("file", "MB", "speed-up", "SQNR, dB", "holds the goal", "")
        return Grid(titles, (False, True, True, True, False, False), rows) if rows else None

    @cached_property
    def layers_plot(self) -> Plot | None:
        """The layers that lose most."""
        layers = self._search.layers[:MOST_ROWS]
        if not layers:
            return None
        bits = "4 bits, all others in 8" if self._small else "8 bits, all others in float"
        values = {"alone": [drawable(each.sqnr_db) for each in layers]}
        names = [each.name for each in layers]
        return Plot(
            f"What the outputs have with one layer alone in {bits} (higher is better).",
            Markup(figures.lines(names, values, "SQNR, dB", "search-layers")),
        )

    @cached_property
    def layers(self) -> Grid:
        """The same as a table, with what the form that loses less takes more."""
        more = "bytes more in 8 bits" if self._small else "% of the float time more in float"
        rows = tuple(
            (
                each.name,
                report_tables.decibels(each.sqnr_db),
                f"{each.cost:.0f}" if self._small else f"{100 * each.cost:.2f}",
            )
            for each in self._search.layers
        )
        return Grid(("layer", "alone, dB", more), (False, True, True), rows)
