"""Levels of two columns whose products a kernel adds in 16 bits: together they have a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows.blocks import Floats

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """For each column its partner ``[G, K]``, -1 where it has none, and the limit of their sum.

    Levels of the same sign may add up to ``limit``; those of different signs have none.
    """

    partner: Indices
    limit: int

    @classmethod
    def of(cls, partner: Indices, limit: int) -> Pairs:
        """Pairs that are the same for all groups; ``partner [K]``."""
        return cls(partner[None], limit)

    def for_groups(self, groups: int) -> Pairs:
        """Return the same pairs for each of so many groups."""
        return Pairs(np.broadcast_to(self.partner[0], (groups, self.partner.shape[1])), self.limit)

    def reordered(self, order: Indices) -> Pairs:
        """Return the pairs of columns that are put in another order ``[G, K]``."""
        place = np.argsort(order, axis=1, kind="stable")
        partner = np.take_along_axis(self.partner, order, axis=1)
        moved = np.take_along_axis(place, np.maximum(partner, 0), axis=1)
        return Pairs(np.where(partner < 0, -1, moved), self.limit)

    def near_limit(self, levels: Floats) -> NDArray[np.bool_]:
        """Tell where ``levels [G, N, K]``, each raised by one or not, might exceed the limit."""
        other = levels[..., np.maximum(self.partner[0], 0)]
        top = np.maximum(levels + 1, 0) + np.maximum(other + 1, 0)
        bottom = np.minimum(levels, 0) + np.minimum(other, 0)
        near: NDArray[np.bool_] = np.maximum(top, -bottom) > self.limit
        near &= self.partner[0] >= 0
        return near

    def limit_column(self, levels: Floats, known: Floats, column: int) -> None:
        """Cut ``levels [G, N]`` of a column, in place, to what ``known [G, K, N]`` leaves them."""
        partner = self.partner[:, column]
        other = known[np.arange(len(partner)), partner] * (partner >= 0)[:, None]
        np.clip(
            levels,
            -self.limit - np.minimum(other, 0),
            self.limit - np.maximum(other, 0),
            out=levels,
        )
