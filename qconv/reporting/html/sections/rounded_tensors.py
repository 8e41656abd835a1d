"""The tensors that lose most by rounding, as histograms above the numbers that can be stored."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.reporting.contents import TensorHistogram
from qconv.reporting.html.pieces import Folded, Part, Piece, Plot, Plots, Words
from qconv.reporting.html.plots.histogram_plot import histogram
from qconv.reporting.report_data import VariantReport

_MOST = 4
_EACH = 2
"""Activations, and weights, that are shown at once."""


def rounded_tensors(variant: VariantReport) -> Part:
    """Return the worst tensors, some of each kind, and the others folded."""
    drawn = [(tensor, plot) for tensor in variant.histograms for plot in _plots(tensor)]
    pieces: list[Piece] = [Words("No tensor is quantized to a grid that can be drawn.", "soft")]
    if drawn:
        shown = _shown([tensor for tensor, _ in drawn])
        first = tuple(plot for place, (_, plot) in enumerate(drawn) if place in shown)
        rest = tuple(plot for place, (_, plot) in enumerate(drawn) if place not in shown)
        told = "Bars: how the numbers are distributed. Ticks: the numbers that can be stored."
        pieces = [Words(told, "soft"), Plots(first, small=True)]
        if rest:
            pieces.append(Folded(f"{len(rest)} more", (Plots(rest, small=True),)))
    return Part("tensors", "Worst tensors", tuple(pieces), wide=True)


def _shown(tensors: list[TensorHistogram]) -> set[int]:
    """Return the places of those that are shown at once: the first of each kind, then others."""
    kinds: dict[str, int] = {}
    chosen = []
    for place, tensor in enumerate(tensors):
        kinds[tensor.kind] = kinds.get(tensor.kind, 0) + 1
        if kinds[tensor.kind] <= _EACH:
            chosen.append(place)
    others = [place for place in range(len(tensors)) if place not in chosen]
    return set([*chosen, *others][:_MOST])


def _plots(tensor: TensorHistogram) -> Iterator[Plot]:
    caption = (
        f"{tensor.kind}: {tensor.name}. SQNR {tensor.sqnr_db:.1f} dB, "
        f"{tensor.clipped:.2g} % clipped, {len(tensor.grid)} levels."
    )
    if (drawing := histogram(tensor, caption)) is not None:
        yield Plot(caption, drawing)
