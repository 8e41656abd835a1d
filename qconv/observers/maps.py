"""Ranges and means of the channels of many feature maps at once, from their pooled summaries.

A network has dozens of maps and thousands of samples; one vectorized update for all of them
costs a fraction of an update for each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.observers.means import ChannelMeans
from qconv.observers.statistic import SENTINEL

Floats = NDArray[np.float32]


class MapStatistics:
    """Statistics of M maps; their channels lie behind one another along one axis.

    Args:
        count: number of maps, M.
    """

    def __init__(self, count: int) -> None:
        self._lows: Floats = np.zeros(0, np.float32)
        self._highs: Floats = np.zeros(0, np.float32)
        self._means = ChannelMeans()
        self._ends: NDArray[np.int64] = np.zeros(count, np.int64)

    def update(
        self, lows: Sequence[Floats], highs: Sequence[Floats], means: Sequence[Floats]
    ) -> bool:
        """Add one batch; each map gives its minima, maxima and means as ``[N, C, 1, ...]``.

        Returns:
            False, with nothing added, if anything is NaN, Inf or a sentinel, if a map is empty, or
            if the maps differ in their N.
        """
        if len({len(array) for array in highs}) > 1 or not all(array.size for array in highs):
            return False
        flat_means = _side_by_side(means)
        flat_lows, flat_highs = _side_by_side(lows), _side_by_side(highs)
        for array in (flat_means, flat_lows, flat_highs):
            if not (array.min() > -SENTINEL and array.max() < SENTINEL):
                return False
        low, high = flat_lows.min(axis=0), flat_highs.max(axis=0)
        if self._lows.size:
            low, high = np.minimum(self._lows, low), np.maximum(self._highs, high)
        self._lows, self._highs = low, high
        self._ends = np.cumsum([array.size // len(array) for array in highs])
        self._means.update(flat_means)
        return True

    def of(self, index: int) -> tuple[Floats, Floats, ChannelMeans]:
        """Return the minimum, the maximum and the mean of each channel of one map.

        All are empty while nothing was seen.
        """
        start = 0 if index == 0 else int(self._ends[index - 1])
        end = int(self._ends[index])
        return self._lows[start:end], self._highs[start:end], self._means.part(start, end)


def _side_by_side(arrays: Sequence[Floats]) -> Floats:
    """Join ``[N, C, 1, ...]`` arrays to ``[N, sum of C]``."""
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
