"""The tensors that lose most by rounding, beside the grid of the numbers that can be stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.data.source import Feeds, Sample
from qconv.errors import ModelError, UnsupportedError
from qconv.evaluation.restored import Floats, LayerWeight, layer_weights
from qconv.evaluation.value_grids import ValueGrid, grid_of
from qconv.evaluation.weight_entries import data_nodes
from qconv.graph.model_io import model_to_bytes
from qconv.graph.operators.table import quantizes
from qconv.graph.prepare import normalize, prepare
from qconv.numerics.diagonal_fit import unscaled
from qconv.reporting.contents import TensorHistogram, WeightRange
from qconv.runtime.runner import Runner
from qconv.runtime.session import open_session

WORST = 4
SAMPLES = 2
_BINS = 64
_MOST_LEVELS = 255
"""Activations of more than eight bits lose too little to be drawn."""
_MOST_ELEMENTS = 1 << 20
_MOST_PARAMETERS = 300_000_000
_SAME_WEIGHT_DB = 0.0
"""Below this SQNR a weight was changed by more than rounding, and is not told of."""
_EXPLAINED = 3.0
"""How many dB factors of channels must gain to count as an equalization that can be undone."""


def float_weights(model: ir.Model) -> dict[str, LayerWeight]:
    """Return the weights of a float model, prepared as the converter does it where that works."""
    if _parameters(model) > _MOST_PARAMETERS:
        return {}
    try:
        return layer_weights(prepare(model))
    except (ModelError, UnsupportedError):
        return layer_weights(normalize(model))


def variant_weights(model: ir.Model) -> dict[str, LayerWeight]:
    """Return the weights of a variant as its operators see them; none of more than 300 million."""
    return layer_weights(model) if _parameters(model) <= _MOST_PARAMETERS else {}


def weight_ranges(weights: Mapping[str, LayerWeight]) -> Iterator[WeightRange]:
    """Yield, for each weight, how far the magnitudes of its output channels differ."""
    for weight in weights.values():
        if weight.rows.size:
            largest = np.abs(weight.rows).max(axis=1)
            yield WeightRange(
                weight.name,
                weight.op,
                channels=len(largest),
                least=float(largest.min()),
                median=float(np.median(largest)),
                largest=float(largest.max()),
            )


def weight_histograms(
    floats: Mapping[str, LayerWeight], restored: Mapping[str, LayerWeight], quantized: set[str]
) -> tuple[TensorHistogram, ...]:
    """Return the histograms of the weights that lose most, each of its worst output channel.

    Args:
        floats: the weights of the float model.
        restored: those of the variant.
        quantized: the layers of the variant whose weights have eight bits or fewer.
    """
    by_shape: dict[tuple[int, ...], list[LayerWeight]] = {}
    for weight in floats.values():
        by_shape.setdefault(weight.rows.shape, []).append(weight)
    found: list[tuple[float, Floats, Floats, LayerWeight]] = []
    for own in restored.values():
        if own.name not in quantized:
            continue
        same = floats.get(own.name)
        if same is not None and same.rows.shape == own.rows.shape:
            candidates = [same]
        else:
            candidates = by_shape.get(own.rows.shape, [])
        if candidates:
            rows = max((each.rows for each in candidates), key=lambda each: _sqnr(each, own.rows))
            rounded = _comparable(rows, own.rows)
            sqnr = _sqnr(rows, rounded)
            if _SAME_WEIGHT_DB <= sqnr < math.inf:
                found.append((sqnr, rows, rounded, own))
    found.sort(key=lambda item: item[0])
    return tuple(_weight_histogram(rows, rounded, own) for _, rows, rounded, own in found[:WORST])


def _comparable(rows: Floats, rounded: Floats) -> Floats:
    """Return a rounded weight with the factors taken out by which its channels were equalized.

    It was equalized if these factors explain more than half of the error.
    """
    if not np.isfinite(rows).all() or not np.isfinite(rounded).all():
        return rounded
    without = unscaled(rows, rounded).astype(np.float32)
    if not np.isfinite(without).all() or _sqnr(rows, without) < _sqnr(rows, rounded) + _EXPLAINED:
        return rounded
    return without


def activation_histograms(
    path: Path, model: ir.Model, samples: Sequence[Sample], assumed: Feeds
) -> tuple[TensorHistogram, ...]:
    """Return the histograms of the activations that lose most when they are quantized.

    The variant is run with what its QuantizeLinear nodes read as further outputs.
    """
    grids = dict(_grids(model))
    if not grids:
        return ()
    probed = model.clone()
    values = ir.convenience.create_value_mapping(probed.graph)
    probed.graph.outputs.clear()
    probed.graph.outputs.extend(values[name] for name in grids)
    kept = [value for value in probed.graph.inputs if value.name in assumed]
    feeds = {str(value.name): assumed[str(value.name)] for value in kept}
    try:
        runner = Runner(path, open_session(model_to_bytes(probed)), feeds)
        answers = [runner.run(sample) for sample in samples[:SAMPLES]]
    except (ModelError, UnsupportedError):
        return ()
    found = []
    for name, grid in grids.items():
        numbers = np.concatenate([_some(answer[name]) for answer in answers])
        if numbers.size and np.isfinite(numbers).all():
            found.append(_histogram(name, "activation", numbers, grid.round(numbers), grid.levels))
    found.sort(key=lambda histogram: histogram.sqnr_db)
    return tuple(found[:WORST])


def _grids(model: ir.Model) -> Iterator[tuple[str, ValueGrid]]:
    moving = data_nodes(model)
    for node in model.graph:
        value = node.inputs[0] if quantizes(node) else None
        if value is None or id(node) not in moving or value.dtype is not ir.DataType.FLOAT:
            continue
        grid = grid_of(node)
        if grid is not None and grid.high <= _MOST_LEVELS:
            yield str(value.name), grid


def _weight_histogram(rows: Floats, rounded: Floats, own: LayerWeight) -> TensorHistogram:
    noise = np.square(rows - rounded).sum(axis=1)
    worst = int(np.argmax(noise / np.maximum(np.square(rows).sum(axis=1), 1e-30)))
    levels = np.unique(rounded[worst])
    equalized = "" if rounded is own.rows else ", equalized"
    name = f"{own.name}, channel {worst} of {len(rows)}{equalized}"
    return _histogram(name, "weight", rows[worst], rounded[worst], levels)


def _histogram(
    name: str, kind: str, numbers: Floats, rounded: Floats, levels: NDArray[np.generic]
) -> TensorHistogram:
    step = float(np.diff(levels).max()) if len(levels) > 1 else 0.0
    outside = (numbers < levels[0] - step / 2) | (numbers > levels[-1] + step / 2)
    exact = numbers.astype(np.float64)  # between neighbours in float32 there are no bins
    low, high = exact.min(), exact.max()
    margin = max(0.5, 1e-6 * abs(low)) if low == high else 0.0
    counts, edges = np.histogram(exact, bins=_BINS, range=(low - margin, high + margin))
    return TensorHistogram(
        name=name,
        kind=kind,
        sqnr_db=_sqnr(numbers, rounded),
        clipped=100 * float(np.mean(outside)),
        low=float(edges[0]),
        high=float(edges[-1]),
        counts=tuple(map(int, counts)),
        grid=tuple(float(f"{level:.6g}") for level in levels.tolist()),
    )


def _some(array: NDArray[np.generic]) -> Floats:
    """Return at most a million numbers, evenly spread."""
    flat: Floats = array.reshape(-1)[:: max(1, array.size // _MOST_ELEMENTS)].astype(np.float32)
    return flat


def _sqnr(reference: Floats, rounded: Floats) -> float:
    signal = float(np.square(reference, dtype=np.float64).sum())
    noise = float(np.square(reference.astype(np.float64) - rounded).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _parameters(model: ir.Model) -> int:
    tensors = (value.const_value for value in model.graph.initializers.values())
    return sum(tensor.size for tensor in tensors if tensor is not None)
