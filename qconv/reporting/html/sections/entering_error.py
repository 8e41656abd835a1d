"""Where the error of a variant enters: how far each layer's output is off."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qconv.reporting.contents import LayerError
from qconv.reporting.html.pieces import Folded, Grid, Part, Plot, Plots, Words
from qconv.reporting.html.plots import depth_plot, row_plots
from qconv.reporting.html.plots.depth_plot import MOST_COLUMNS, Layer
from qconv.reporting.html.plots.row_plots import Row
from qconv.reporting.html.plots.scale import drawable
from qconv.reporting.report_data import VariantReport
from qconv.reporting.report_tables import decibels

_NAME, _TITLE = "layers", "Where the error enters"
_MOST_ROWS = 6


def error_by_layer(variant: VariantReport) -> Part:
    """Return the SQNR along the model, the worst layers, and all of them as a table."""
    layers = variant.layers
    if not layers:
        return Part(
            _NAME,
            _TITLE,
            (Words("SQNR by layer was not measured; the option layers measures it.", "soft"),),
        )
    worst = sorted(layers, key=_rank)
    rows = (
        (each.name, each.op, _known(each.alone), _known(each.clipping), _known(each.accumulated))
        for each in worst
    )
    title = "layer, type, alone dB#, clipping dB#, accumulated dB#"
    grid = Grid.of("SQNR by layer", title, rows)
    plots = Plots((_along(layers), _worst(worst[:_MOST_ROWS])))
    summary = f"All {len(layers)} layers as a table, the worst first"
    return Part(_NAME, _TITLE, (plots, Folded(summary, (grid,))), wide=True)


def _along(layers: Sequence[LayerError]) -> Plot:
    shared = math.ceil(len(layers) / MOST_COLUMNS)
    columns = [
        min(layers[start : start + shared], key=_rank) for start in range(0, len(layers), shared)
    ]
    note = f" Of {shared} neighbours, only the worst is drawn." if shared > 1 else ""
    caption = (
        "SQNR of each layer's output against the float model, along the model (higher is better): "
        f"with this layer alone quantized, and with the error of all layers before.{note}"
    )
    drawn = [Layer(_told(each), _values(each)) for each in columns]
    return Plot(caption, depth_plot.depth(drawn, "SQNR, dB", caption))


def _worst(layers: Sequence[LayerError]) -> Plot:
    caption = f"The {len(layers)} layers with the least SQNR, the worst first."
    if len(layers) == 1:
        caption = "The layer with the least SQNR."
    rows = [Row(each.name, _numbers(each), _told(each), _values(each)) for each in layers]
    return Plot(caption, row_plots.dots(rows, "SQNR, dB", caption))


def _rank(layer: LayerError) -> float:
    return -math.inf if math.isnan(layer.accumulated) else layer.accumulated


def _values(layer: LayerError) -> dict[str, float]:
    return {"alone": drawable(layer.alone), "accumulated": drawable(layer.accumulated)}


def _known(value: float | None) -> str:
    return "" if value is None else decibels(value)


def _numbers(layer: LayerError) -> str:
    return " / ".join(filter(None, (_known(layer.alone), decibels(layer.accumulated))))


def _told(layer: LayerError) -> str:
    alone = "" if layer.alone is None else f"alone {_known(layer.alone)} dB, "
    return f"{layer.name} ({layer.op}): {alone}accumulated {decibels(layer.accumulated)} dB"
