"""Where the time of a variant goes, by operator."""

from __future__ import annotations

from qconv.reporting.html.pieces import Folded, Grid, Part, Piece, Words
from qconv.reporting.report_data import VariantReport
from qconv.reporting.time_told import slowest_table, times_table

_MOST_ROWS = 6
"""Rows of a table that is not folded."""


def operator_times(variant: VariantReport) -> Part:
    """Return the time of each type of operators, and the slowest single ones."""
    name, title, profile = "time", "Time by operator", variant.profile
    types, slowest = times_table(variant), slowest_table(variant)
    if types is None or slowest is None:
        why = "" if profile is None else profile.unknown
        said = f"Not known: {why}." if why else "Time by operator was not measured."
        return Part(name, title, (Words(said, "soft"),))
    grid = Grid.of_table("Time by type of operator", types)
    short = len(grid.rows) <= _MOST_ROWS
    shown: Piece = grid if short else Folded(f"{len(grid.rows)} types of operators", (grid,))
    return Part(name, title, (Grid.of_table("Slowest operators", slowest), shown))
