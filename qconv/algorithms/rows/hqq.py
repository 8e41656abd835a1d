"""Half-quadratic quantization: scales that keep most weights close and let a few be far off."""

from __future__ import annotations

import numpy as np

from qconv.algorithms.rows.blocks import Floats, Scales, safe_scale, weighted_sum
from qconv.numerics.grids import Grid

POWER = 0.7
_ROUNDS = 20
_PENALTY = 10.0
_GROWTH = 1.01


def half_quadratic_scales(
    blocks: Floats, weights: Floats, grid: Grid, symmetric: bool, start: Scales
) -> Scales:
    """Return scales of ``blocks [N, b, B]`` with less ``sum(|error| ** 0.7)`` than ``start``.

    Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models" (2023),
    equations 4 to 6: errors are split in a sparse part, found by shrinking, and a rest, whose
    squares zero point and scale lower in turn. Unlike there, zero points stay integers and
    the scale is fitted too, so that symmetric grids gain as well. ``weights`` are 1, and 0 for
    columns that only fill up a block. The best of all rounds is kept.
    """
    unit = blocks / start.scale[..., None]
    now = best = Scales(np.ones_like(start.scale), start.zero_point)
    least = np.full(start.scale.shape, np.inf, np.float32)
    columns = weights.sum(axis=-1)
    penalty = _PENALTY
    for _ in range(_ROUNDS):
        levels = now.centred(unit, grid)
        error = unit - levels * now.scale[..., None]
        size = np.abs(error)
        powered = size**POWER
        loss = (powered * weights).sum(axis=-1)
        better = loss < least
        least = np.where(better, loss, least)
        best = Scales(
            np.where(better, now.scale, best.scale),
            np.where(better, now.zero_point, best.zero_point),
        )
        shrunk = np.maximum(size - powered / np.maximum(size, 1e-9) / penalty, 0)
        target = unit - np.copysign(shrunk, error)
        zero_point = now.zero_point
        if not symmetric:
            shift = ((levels - target / now.scale[..., None]) * weights).sum(axis=-1) / columns
            zero_point = np.clip(np.rint(zero_point + shift), grid.low, grid.high)
        energy = weighted_sum(weights, levels, levels)
        scale = weighted_sum(weights, levels, target) / np.where(energy > 0, energy, 1)
        now = Scales(np.where((energy > 0) & (scale > 0), scale, now.scale), zero_point)
        penalty *= _GROWTH
    return Scales(safe_scale(best.scale * start.scale), best.zero_point)
