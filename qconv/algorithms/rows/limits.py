"""What a kernel of integers demands of the weight that it multiplies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows.blocks import Floats
from qconv.algorithms.rows.pairs import Pairs
from qconv.algorithms.saturation import PAIR_LIMIT, fit_pairs, pair_partners
from qconv.numerics.affine import MIN_SCALE, row_scales
from qconv.numerics.grids import Grid, QuantizedRows


@dataclass(frozen=True)
class Limits:
    """What rows ``[R, K]`` of integers, with one scale a row or one for all, have to keep to.

    Attributes:
        smallest: scales may not be under these ``[R]``; None where any will do.
        order: the columns ``[K]`` as a kernel reads them that adds the products of adjacent ones
            in 16 bits; None for one that adds in 32.
    """

    smallest: Floats | None = None
    order: NDArray[np.int64] | None = None

    @property
    def pairs(self) -> Pairs | None:
        """The columns whose products are added in 16 bits."""
        return None if self.order is None else Pairs.of(pair_partners(self.order), PAIR_LIMIT)

    def nearest(self, rows: Floats, grid: Grid, *, shared: bool) -> QuantizedRows:
        """Return ``rows [R, K]`` rounded to nearest, with the scales of their range, or larger."""
        scale = row_scales(rows, grid.high)
        if self.smallest is not None:
            scale = np.maximum(scale, self.smallest)
        if shared:
            used = np.abs(rows).any(axis=1)
            scale = np.full_like(scale, scale[used].max(initial=MIN_SCALE))
        if self.order is not None:
            scale = fit_pairs(rows[:, self.order], scale)
        if shared:
            scale = np.full_like(scale, scale.max(initial=MIN_SCALE))
        levels = grid.nearest((rows / scale[:, None]).astype(np.float32))
        column = scale[:, None]
        return QuantizedRows(levels, column, np.zeros_like(column), rows.shape[1])

    def held(
        self, rows: Floats, found: QuantizedRows, grid: Grid, *, shared: bool
    ) -> QuantizedRows:
        """Return what was found for rows, and those rounded to nearest whose scales are too small.

        A row that needs a larger scale than is best for it is no case for a solver.
        """
        if self.smallest is None:
            return found
        kept = (found.scale[:, 0] >= self.smallest)[:, None]
        if shared:
            kept = np.broadcast_to(kept.all(), kept.shape)
        if kept.all():
            return found
        nearest = self.nearest(rows, grid, shared=shared)
        return QuantizedRows(
            np.where(kept, found.levels, nearest.levels),
            np.where(kept, found.scale, nearest.scale),
            nearest.zero_point,
            nearest.block,
        )
