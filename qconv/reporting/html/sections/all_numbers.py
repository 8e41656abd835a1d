"""The section with all numbers of all models, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.reporting import report_tables, sentences, significance
from qconv.reporting.doubts import doubts
from qconv.reporting.energy_told import energy_lines, energy_table
from qconv.reporting.html.pieces import Folded, Grid, Listed, Piece, Section, Words
from qconv.reporting.report_data import Report
from qconv.reporting.time_told import slower_lines


def overview(report: Report) -> Section:
    """Return one table with all numbers, and the sentences on them."""
    return Section("overview", "Overview", tuple(_pieces(report)))


def _pieces(report: Report) -> Iterator[Piece]:
    yield Grid.of_table("All numbers", report_tables.ranked(report))
    yield from (Words(sentence, "bad") for sentence in sentences.faults(report))
    yield Words(" ".join(sentences.conditions(report)), "soft")
    remarks = (
        *significance.drops(report),
        *significance.undecided(report),
        *significance.speeds(report),
        *slower_lines(report),
        *energy_lines(report),
        *sentences.simulations(report),
        *sentences.clipped(report),
        *sentences.portability(report),
        *doubts(report),
    )
    if remarks:
        yield Listed(remarks)
    energy = energy_table(report)
    if energy is not None:
        yield Folded("Estimated energy", (Grid.of_table("Estimated energy", energy),))
    outputs = report_tables.outputs(report)
    terms = Words(" ".join(sentences.terms(report)), "soft")
    yield Folded("Each output, and what the words mean", (Grid.of_table("Outputs", outputs), terms))
