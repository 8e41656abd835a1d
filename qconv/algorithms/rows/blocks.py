"""Rows of weights cut into blocks, and rounding with a scale for each block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.affine import MIN_SCALE
from qconv.numerics.grids import Grid

Floats = NDArray[np.float32]

CHUNK = 1 << 16
"""Weights that are worked on at a time, so that temporary arrays stay in the cache."""


@dataclass(frozen=True)
class Scales:
    """``scale [N, b]`` and ``zero_point [N, b]`` of b blocks in each of N rows."""

    scale: Floats
    zero_point: Floats

    def centred(self, blocks: Floats, grid: Grid) -> Floats:
        """Return the levels nearest to ``blocks [N, b, B]``, less the zero points."""
        zero_point = self.zero_point[..., None]
        scaled = blocks / self.scale[..., None]
        if not zero_point.any():
            return grid.nearest(scaled)
        scaled += zero_point
        levels = grid.nearest(scaled)
        levels -= zero_point
        return levels


def cut(rows: Floats, block: int) -> Floats:
    """Return ``rows [N, K]`` as ``[N, b, B]``, with zeros behind a last block that is shorter."""
    count, columns = rows.shape
    ragged = -columns % block
    padded = np.pad(rows, ((0, 0), (0, ragged))) if ragged else rows
    return padded.reshape(count, -1, block)


def safe_scale(scale: NDArray[np.floating]) -> Floats:
    """Return ``scale`` in float32: 1 where it is zero, and never under :data:`MIN_SCALE`."""
    floored = np.maximum(scale, MIN_SCALE).astype(np.float32)
    return np.where(scale > 0, floored, np.float32(1))


def weighted_sum(weights: Floats, first: Floats, second: Floats) -> Floats:
    """Return ``sum(weights * first * second)`` over the last axis."""
    total: Floats = np.einsum("...k,...k->...", weights * first, second)
    return total
