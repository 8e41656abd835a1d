"""What the weights of a variant take in the file, and how their channels differ."""

from __future__ import annotations

from qconv.reporting.contents import LayerStorage, WeightRange
from qconv.reporting.html.pieces import Folded, Grid, Kind, Part, Plot, Plots, Words
from qconv.reporting.html.plots import row_plots
from qconv.reporting.html.plots.row_plots import Row
from qconv.reporting.html.plots.scale import drawable
from qconv.reporting.report_data import VariantReport
from qconv.reporting.sentences import counted

_MOST_ROWS = 6


def bytes_by_layer(variant: VariantReport) -> Part:
    """Return the largest layers by type, and all of them as a table."""
    name, title = "bytes", "Bytes by layer and type"
    layers = sorted(variant.storage, key=lambda layer: -_total(layer))
    if not layers:
        return Part(name, title, (Words("The file stores no weights.", "soft"),))
    types = sorted({kind for layer in layers for kind in layer.bytes})
    rows = (
        (
            layer.name,
            layer.op,
            *(str(layer.bytes.get(kind, "")) for kind in types),
            str(_total(layer)),
        )
        for layer in layers
    )
    numbers: list[Kind] = ["number"] * (len(types) + 1)
    titles = ("layer", "type", *types, "bytes")
    grid = Grid("Bytes by layer", titles, ("text", "text", *numbers), tuple(rows))
    shown = layers[:_MOST_ROWS]
    which = _share(len(shown), len(layers), "largest")
    caption = f"Bytes of the weights by layer and type: {which}."
    plot = Plot(caption, row_plots.bars([_stored(layer) for layer in shown], caption))
    summary = f"{counted(len(layers), 'layer')} as a table, the largest first"
    return Part(name, title, (Plots((plot,)), Folded(summary, (grid,))))


def _stored(layer: LayerStorage) -> Row:
    told = f"{_total(layer) / 1e3:,.1f} kB"
    parts = ", ".join(f"{kind} {size:,} bytes" for kind, size in layer.bytes.items())
    values = {kind: float(size) for kind, size in layer.bytes.items()}
    return Row(layer.name, told, f"{layer.name} ({layer.op}): {parts}", values)


def _total(layer: LayerStorage) -> int:
    return sum(layer.bytes.values())


def weight_ranges(variant: VariantReport) -> Part:
    """Return how the magnitudes of output channels differ, in the layers where they do most."""
    name, title = "ranges", "Per-channel weight ranges"
    ranges = sorted(variant.ranges, key=_evenness)
    if not ranges:
        return Part(name, title, (Words("Weight ranges were not measured.", "soft"),))
    rows = (
        (each.name, each.op, str(each.channels), *(f"{value:.4g}" for value in _values(each)))
        for each in ranges
    )
    columns = "layer, type, channels#, smallest#, median#, largest#"
    grid = Grid.of("Weight ranges by layer", columns, rows)
    folded = Folded(f"{counted(len(ranges), 'layer')} as a table, the widest first", (grid,))
    drawn = [each for each in ranges if all(drawable(value) > 0 for value in _values(each))]
    shown = drawn[:_MOST_ROWS]
    if not shown:
        return Part(name, title, (folded,))
    caption = (
        "The largest magnitude of each output channel, from the smallest channel over the median "
        f"(mark) to the largest: {_share(len(shown), len(ranges), 'widest')}. A long span needs a "
        "scale for each channel."
    )
    plot = Plot(caption, row_plots.spans([_span(each) for each in shown], "magnitude", caption))
    return Part(name, title, (Plots((plot,)), folded))


def _span(each: WeightRange) -> Row:
    least, median, largest = _values(each)
    told = f"{least:.2g} to {largest:.2g}"
    more = f"{each.name} ({each.op}), {counted(each.channels, 'channel')}: "
    more += f"{least:.4g} to {largest:.4g}, median {median:.4g}"
    return Row(each.name, told, more, {"least": least, "median": median, "largest": largest})


def _evenness(each: WeightRange) -> float:
    """Return the smallest channel's share of the largest one, 0 where that is not there."""
    share = each.least / each.largest if each.largest else 0.0
    return share if share == share else 0.0


def _values(each: WeightRange) -> tuple[float, float, float]:
    return each.least, each.median, each.largest


def _share(shown: int, of: int, which: str) -> str:
    return "all layers" if shown == of else f"the {shown} {which} of {of} layers"
