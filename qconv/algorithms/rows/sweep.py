"""One pass over the columns of a weight, each rounded to make up for the errors of the others.

Arrays are ``[G, K, N]``: G groups, K columns (inputs) and N rows (outputs) in each, so that a
column of all rows is contiguous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qconv.algorithms.rows.blocks import Floats
from qconv.algorithms.rows.pairs import Pairs
from qconv.numerics.grids import Grid

_LAZY = 128


@dataclass
class Columns:
    """Weights, their scales and zero points, and the levels less the zero points so far."""

    weights: Floats
    scale: Floats
    zero_point: Floats
    levels: Floats

    def error(self) -> Floats:
        """Return the quantized less the true weights."""
        error = self.levels * self.scale
        error -= self.weights
        return error


def sweep(
    columns: Columns, coupling: Floats, grid: Grid, error: Floats, pairs: Pairs | None = None
) -> bool:
    """Round each column j to ``w_j - sum_i coupling[j, i] error_i``; tell whether one changed.

    ``coupling [G, K, K]`` has a zero diagonal. ``error [G, K, N]`` is that of the columns
    before, and follows them. Columns that are not reached yet count with what they hold. The
    far part of the sum is a matrix product, made for a block of columns at a time. ``pairs``
    keeps each level within what that of its partner leaves.
    """
    count = columns.weights.shape[1]
    changed = False
    for begin in range(0, count, _LAZY):
        end = min(begin + _LAZY, count)
        target = columns.weights[:, begin:end] - coupling[:, begin:end] @ error
        moved = np.empty_like(target)
        for near, j in enumerate(range(begin, end)):
            goal = target[:, near]
            if near:
                goal -= (coupling[:, j, None, begin:j] @ moved[:, :near])[:, 0]
            scale, zero_point = columns.scale[:, j], columns.zero_point[:, j]
            goal /= scale
            goal += zero_point
            levels = grid.nearest(goal)
            levels -= zero_point
            if pairs is not None:
                pairs.limit_column(levels, columns.levels, j)
            columns.levels[:, j] = levels
            levels *= scale
            levels -= columns.weights[:, j]
            np.subtract(levels, error[:, j], out=moved[:, near])
            error[:, j] = levels
        changed = changed or bool(moved.any())
    return changed
