"""Draw the pictures of docs/quantization.md: ``python scripts/docs_pictures.py``.

They show weights and calibration data of sample_models/digits_cnn, by the plots of the HTML
report. Nothing of it is run, so that the same files give the same bytes on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from qconv.reporting.contents import TensorHistogram
from qconv.reporting.html.plots.histogram_plot import histogram
from qconv.reporting.html.plots.row_plots import Row, dots, spans

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_models" / "digits_cnn"
PICTURES = ROOT / "docs" / "pictures"
WEIGHT = "body.5.first.0.weight"
CHANNEL = 5
BITS = (8, 6, 5, 4, 3, 2)
_BINS = 48
_ROOM = 10
_STYLE = """<style>
.plot { font: 11px system-ui, sans-serif; } text { fill: #7a8594; }
.grid { stroke: #8a94a3; stroke-opacity: .3; } .axis, .join { stroke: #8a94a3; fill: none; }
.tick, .bound { stroke: #d9731a; } .bound { stroke-dasharray: 2 2; }
.band { fill: #d9731a; fill-opacity: .7; } .span { fill: #4f86d9; fill-opacity: .6; }
.middle { stroke: #7a8594; stroke-width: 2; } .hit { fill: none; }
.s1 { fill: #4f86d9; } .s2 { fill: #d9731a; } .s3 { fill: #2a9d63; }
</style>"""
"""Colours that can be read on white and on black."""

Floats = NDArray[np.float64]


def pictures() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each picture."""
    model = onnx.load(SAMPLE / "model.onnx")
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    channel = arrays[WEIGHT][CHANNEL].ravel().astype(np.float64)
    for bits in (8, 4, 2):
        yield f"grid-{bits}", _standalone(_weights(channel, bits))
    activations = _activations(arrays)
    low, high = float(activations.min()), float(activations.max())
    narrow = np.quantile(activations, [0.001, 0.999])
    yield "range-all", _standalone(_values(activations, low, high))
    yield "range-clipped", _standalone(_values(activations, float(narrow[0]), float(narrow[1])))
    yield "channels", _standalone(_channels(arrays))
    yield "bits", _standalone(_errors(arrays[WEIGHT].reshape(96, -1).astype(np.float64)))


def _weights(channel: Floats, bits: int) -> str:
    scale = np.abs(channel).max() / (2 ** (bits - 1) - 1)
    levels = scale * np.arange(-(2 ** (bits - 1) - 1), 2 ** (bits - 1))
    return _histogram(channel, levels, f"Weights of a channel, and the grid of {bits} bits")


def _activations(arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """Return what the first layer gives for calibration images, at the places inside."""
    with np.load(SAMPLE / "calibration.npz") as data:
        images = data["image"][:100, 0].astype(np.float64)
    places = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))
    kernels = arrays["body.0.0.weight"][:, 0].astype(np.float64)
    summed = (places[:, None] * kernels[None, :, None, None]).sum((-1, -2))
    scale, bias, mean, variance = (
        arrays[f"body.0.1.{name}"].astype(np.float64)[:, None, None]
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    normal: Floats = scale * (summed - mean) / np.sqrt(variance + 1e-5) + bias
    return normal.ravel()


def _values(activations: Floats, low: float, high: float) -> str:
    levels = np.linspace(low, high, 16)
    return _histogram(activations, levels, f"Values of a layer, and 16 levels to {high:.1f}")


def _histogram(numbers: Floats, levels: Floats, caption: str) -> str:
    counts, ends = np.histogram(numbers, _BINS)
    drawn = TensorHistogram(
        name="",
        kind="",
        sqnr_db=0.0,
        clipped=0.0,
        low=float(ends[0]),
        high=float(ends[-1]),
        counts=tuple(map(int, counts)),
        grid=tuple(map(float, levels)),
    )
    return str(histogram(drawn, caption))


def _channels(arrays: Mapping[str, NDArray[Any]]) -> str:
    rows = []
    for name, array in arrays.items():
        if array.ndim > 1:
            largest = np.abs(array.reshape(len(array), -1)).max(1)
            ends = {
                "least": float(largest.min()),
                "median": float(np.median(largest)),
                "largest": float(largest.max()),
            }
            factor = f"{ends['largest'] / ends['least']:.1f} times"
            rows.append(Row(name.removesuffix(".weight"), factor, name, ends))
    return str(spans(rows, "largest weight of a channel", "How far channels of layers differ"))


def _errors(rows: Floats) -> str:
    drawn = []
    for bits in BITS:
        found = {
            "one scale": _sqnr(rows, rows.reshape(1, -1), bits),
            "a scale for each channel": _sqnr(rows, rows, bits),
            "a scale for 32 inputs": _sqnr(rows, rows.reshape(-1, 32), bits),
        }
        told = " / ".join(f"{value:.1f}" for value in found.values())
        drawn.append(Row(f"{bits} bits", f"{told} dB", f"{bits} bits", found))
    return str(dots(drawn, "SQNR, dB", "Error of a weight that is rounded to few bits"))


def _sqnr(rows: Floats, groups: Floats, bits: int) -> float:
    """Return how far the error of rounding lies below the weights; each group has a scale."""
    most = 2 ** (bits - 1) - 1
    scale = np.abs(groups).max(1, keepdims=True) / most
    error = np.clip(np.round(groups / scale), -most, most) * scale - groups
    return float(10 * np.log10((rows**2).sum() / (error**2).sum()))


def _standalone(drawing: str) -> str:
    """Return a drawing as a file of its own: with colours, and room for numbers at its ends."""
    start, end = drawing.split(">", 1)
    named = start.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    roomy = re.sub(
        r'viewBox="0 0 (\d+)', lambda box: f'viewBox="-{_ROOM} 0 {int(box[1]) + 2 * _ROOM}', named
    )
    return f"{roomy}>{_STYLE}{end}\n"


if __name__ == "__main__":
    for title, content in pictures():
        (PICTURES / f"{title}.svg").write_text(content, encoding="utf-8")
