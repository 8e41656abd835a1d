"""The section with every verdict, the failed ones first."""

from __future__ import annotations

from collections.abc import Sequence

from qconv.reporting.distances import distance, worst_first
from qconv.reporting.html.pieces import Folded, Grid, Piece, Section, Words
from qconv.reporting.report_data import Report, Verdict
from qconv.reporting.sentences import counted, gate_summary
from qconv.reporting.verdicts import verdict_told, verdict_word

_MOST = 12
"""Verdicts that are shown although they pass; more of these are folded."""


def gates(report: Report) -> Section | None:
    """Return the verdicts with their distances, None where there are no gates."""
    summary = gate_summary(report)
    if summary is None:
        return None
    ordered = worst_first(report.verdicts)
    urgent = [verdict for verdict in ordered if verdict_word(verdict) != "passes"]
    shown, folded = (ordered, []) if len(ordered) <= _MOST else (urgent, ordered[len(urgent) :])
    pieces: list[Piece] = [Words(f"{summary[0].upper()}{summary[1:]}.", "strong")]
    if shown:
        pieces.append(_grid(shown))
    if folded:
        pieces.append(Folded(f"{counted(len(folded), 'verdict')} that pass", (_grid(folded),)))
    return Section("gates", "Gates", tuple(pieces))


def _grid(verdicts: Sequence[Verdict]) -> Grid:
    rows = (
        (
            verdict_word(verdict),
            verdict.variant,
            distance(verdict),
            verdict_told(verdict),
            verdict.expression,
        )
        for verdict in verdicts
    )
    titles = ("verdict", "variant", "distance", "measured", "fails if")
    return Grid("Verdicts", titles, ("verdict", "text", "text", "text", "code"), tuple(rows))
