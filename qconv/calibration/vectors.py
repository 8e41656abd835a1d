"""Draw from a value what a layer multiplies its weights with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.patches import patch_vectors, row_vectors
from qconv.observers.statistic import SENTINEL
from qconv.placement.inputs import LayerInput

_FEWEST, _MOST = 16, 256
"""Vectors that are taken from one sample."""


def draw_vectors(
    array: NDArray[np.float32], layer_input: LayerInput, samples: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return vectors ``[G, P, K]`` of an array of so many samples, without sentinels.

    Arrays of the same shape give vectors of the same places where ``random`` is in the same state.
    """
    if not array.size:
        return np.zeros((layer_input.groups, 0, layer_input.size), np.float32)
    limit = samples * min(max(layer_input.size // 4, _FEWEST), _MOST)
    if layer_input.windows is None:
        vectors = row_vectors(array, limit, random)
    else:
        vectors = patch_vectors(array, layer_input.windows, limit, random)
    if vectors.size and not np.abs(vectors).max() < SENTINEL:
        vectors = np.where(np.abs(vectors) < SENTINEL, vectors, np.float32(0))
    return vectors
