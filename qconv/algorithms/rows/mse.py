"""Scales of least (weighted) square error, by search."""

from __future__ import annotations

import numpy as np

from qconv.algorithms.rows.blocks import Floats, Scales, safe_scale, weighted_sum
from qconv.algorithms.rows.rtn import range_scales, spread_scales
from qconv.numerics.grids import Grid

_STEPS = 24


def _smallest_factor(grid: Grid) -> float:
    """Return how far the search shrinks the range: a grid of few levels gains from more."""
    for levels, factor in ((4, 0.2), (8, 0.35), (16, 0.45), (64, 0.6)):
        if len(grid.levels) <= levels:
            return factor
    return 0.8 if grid.is_integer else 0.5


def search_scales(blocks: Floats, weights: Floats, grid: Grid, symmetric: bool) -> Scales:
    """Return the scales of ``blocks [N, b, B]`` that lower ``sum(weights * error ** 2)`` most.

    Each candidate shrinks the range by a factor, which gives levels; its scale is the least
    squares one for these levels. The result is never worse than :func:`range_scales`.
    ``weights`` broadcast to ``blocks``.
    """
    start = range_scales(blocks, grid, symmetric)
    unit = blocks / start.scale[..., None]
    low, high = np.minimum(unit.min(axis=-1), 0), np.maximum(unit.max(axis=-1), 0)
    one = Scales(np.ones_like(start.scale), start.zero_point)
    best = one
    least = square_error(unit, weights, grid, one)
    for factor in np.geomspace(1, _smallest_factor(grid), _STEPS, dtype=np.float32):
        if symmetric:
            trial = Scales(np.full_like(start.scale, factor), start.zero_point)
        else:
            trial = spread_scales(low * factor, high * factor, grid)
        trial = Scales(least_squares(unit, weights, grid, trial), trial.zero_point)
        error = square_error(unit, weights, grid, trial)
        better = error < least
        least = np.where(better, error, least)
        best = Scales(
            np.where(better, trial.scale, best.scale),
            np.where(better, trial.zero_point, best.zero_point),
        )
    return Scales(safe_scale(best.scale * start.scale), best.zero_point)


def least_squares(blocks: Floats, weights: Floats, grid: Grid, scales: Scales) -> Floats:
    """Return the scales ``[N, b]`` that suit the levels that ``scales`` lead to best."""
    levels = scales.centred(blocks, grid)
    power = weighted_sum(weights, levels, levels)
    fitted = weighted_sum(weights, levels, blocks) / np.where(power > 0, power, 1)
    return np.where((power > 0) & (fitted > 0), fitted, scales.scale)


def square_error(blocks: Floats, weights: Floats, grid: Grid, scales: Scales) -> Floats:
    """Return ``sum(weights * error ** 2)`` of each block ``[N, b]``."""
    error = blocks - scales.centred(blocks, grid) * scales.scale[..., None]
    return weighted_sum(weights, error, error)
