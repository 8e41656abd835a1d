"""Cut the input vectors of layers out of values, at positions drawn at random. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.windows import Windows

Floats = NDArray[np.float32]


def row_vectors(array: Floats, limit: int, random: np.random.Generator) -> Floats:
    """Return at most ``limit`` vectors along the last axis, ``[1, P, K]``."""
    rows = array.reshape(-1, array.shape[-1])
    if len(rows) > limit:
        rows = rows[np.sort(random.choice(len(rows), limit, replace=False))]
    return rows[None]


def patch_vectors(
    array: Floats, windows: Windows, limit: int, random: np.random.Generator
) -> Floats:
    """Return what a convolution reads for at most ``limit`` outputs of ``array [N, C, D...]``.

    Returns:
        ``[G, P, C / G * k1 * ...]`` in the order of the weight's rows; padding is zero.
    """
    channels = array.shape[1]
    sizes = array.shape[2:]
    outputs = [_outputs(windows, axis, size) for axis, size in enumerate(sizes)]
    total = len(array) * int(np.prod(outputs))
    if total < 1:
        return np.zeros((windows.groups, 0, channels // windows.groups), np.float32)
    chosen = np.arange(total)
    if total > limit:
        chosen = np.sort(random.choice(total, limit, replace=False))
    samples, *places = np.unravel_index(chosen, (len(array), *outputs))
    index: NDArray[np.int64] = np.zeros((len(chosen), 1), np.int64)
    inside = np.ones((len(chosen), 1), bool)
    for axis, place in enumerate(places):
        taps = np.arange(windows.kernel[axis]) * windows.dilations[axis]
        along = place[:, None] * windows.strides[axis] - windows.begins[axis] + taps
        valid = (along >= 0) & (along < sizes[axis])
        along = np.clip(along, 0, sizes[axis] - 1)
        index = (index[:, :, None] * sizes[axis] + along[:, None, :]).reshape(len(chosen), -1)
        inside = (inside[:, :, None] & valid[:, None, :]).reshape(len(chosen), -1)
    maps = array.reshape(len(array), channels, -1)
    patches = maps[samples[:, None], :, index]
    patches *= inside[:, :, None]
    taps_count = index.shape[1]
    grouped = patches.reshape(len(chosen), taps_count, windows.groups, -1)
    vectors: Floats = np.ascontiguousarray(grouped.transpose(2, 0, 3, 1))
    return vectors.reshape(windows.groups, len(chosen), -1)


def _outputs(windows: Windows, axis: int, size: int) -> int:
    reach = windows.dilations[axis] * (windows.kernel[axis] - 1) + 1
    padded = size + windows.begins[axis] + windows.ends[axis]
    return max((padded - reach) // windows.strides[axis] + 1, 0)
