"""Draw from a value what a layer multiplies its weights with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, prod
from statistics import median

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.shapes import shapes_for
from qconv.numerics.patches import patch_vectors, row_vectors
from qconv.observers.statistic import SENTINEL
from qconv.placement.inputs import LayerInput

_FEWEST, _MOST = 16, 256
"""Vectors that are taken from one sample."""
_EACH = 32
"""Vectors for each of their numbers, in all, as far as samples have so many."""
USUAL, _ENOUGH = 128, 2048
"""Samples that second moments are taken of at most, unless they give fewer vectors than this."""


def samples_to_multiply(
    model: ir.Model, inputs: Sequence[LayerInput], feed_shapes: Mapping[str, tuple[int, ...]]
) -> int:
    """Return of how many samples second moments are taken at most.

    These are 128, of which each costs several times its plain inference; or so many that the median
    input gets 2048 vectors, where a sample holds few and costs little.

    Args:
        model: the float model.
        inputs: what is observed.
        feed_shapes: the shapes of a sample.
    """
    if not inputs:
        return 0
    shapes = shapes_for(model, feed_shapes)
    counts = [
        min(_rows(own, shapes.get(own.value)), vectors_per_sample(own, USUAL)) for own in inputs
    ]
    return max(USUAL, ceil(_ENOUGH / max(1, median(counts))))


def _rows(layer_input: LayerInput, shape: tuple[int | None, ...] | None) -> int:
    """Return how many vectors a sample holds, or, where its shape does not tell, are taken."""
    axes = () if shape is None else shape[2:] if layer_input.windows is not None else shape[:-1]
    known = [axis for axis in axes if axis is not None]
    return prod(known) if shape is not None and len(known) == len(axes) else _MOST


def vectors_per_sample(layer_input: LayerInput, samples: int) -> int:
    """Return how many vectors are taken from each of so many samples."""
    return min(max(ceil(_EACH * layer_input.size / samples), _FEWEST), _MOST)


def draw_vectors(
    array: NDArray[np.float32], layer_input: LayerInput, limit: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return at most ``limit`` vectors of an array, ``[G, P, K]``, without sentinels.

    Arrays of the same shape give vectors of the same places where ``random`` is in the same state.
    """
    if not array.size:
        return np.zeros((layer_input.groups, 0, layer_input.size), np.float32)
    if layer_input.windows is None:
        vectors = row_vectors(array, limit, random)
    else:
        vectors = patch_vectors(array, layer_input.windows, limit, random)
    if vectors.size and not np.abs(vectors).max() < SENTINEL:
        vectors = np.where(np.abs(vectors) < SENTINEL, vectors, np.float32(0))
    return vectors
