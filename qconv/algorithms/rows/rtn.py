"""Round to nearest: the smallest scale that covers the range of a block."""

from __future__ import annotations

import numpy as np

from qconv.algorithms.rows.blocks import Floats, Scales, safe_scale
from qconv.numerics.grids import Grid


def range_scales(blocks: Floats, grid: Grid, symmetric: bool) -> Scales:
    """Return the scales of ``blocks [N, b, B]`` with which no weight lies beyond the grid.

    Zero is a level of every asymmetric grid: ranges that leave it out are widened to it.
    """
    low = np.minimum(blocks.min(axis=-1), 0).astype(np.float64)
    high = np.maximum(blocks.max(axis=-1), 0).astype(np.float64)
    if symmetric:
        scale = safe_scale(np.maximum(high / grid.high, low / grid.low))
        return Scales(scale, np.zeros_like(scale))
    return spread_scales(low, high, grid)


def spread_scales(
    low: np.ndarray[tuple[int, ...], np.dtype[np.floating]],
    high: np.ndarray[tuple[int, ...], np.dtype[np.floating]],
    grid: Grid,
) -> Scales:
    """Return the scales that spread a grid of integers over ``[low, high]``, which hold zero."""
    scale = safe_scale((high - low) / (grid.high - grid.low))
    zero_point = np.clip(np.rint(grid.low - low / scale), grid.low, grid.high)
    return Scales(scale, zero_point.astype(np.float32))
