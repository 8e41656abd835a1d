"""The smallest and largest number of each channel, and the mean of its squares."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.means import ChannelMeans
from qconv.observers.statistic import Arrays

Floats = NDArray[np.float32]


class ChannelRanges:
    """Minimum, maximum and mean square of each of C channels; empty while nothing was seen.

    Attributes:
        low: minima ``[C]``, never above zero.
        high: maxima ``[C]``, never below zero.
    """

    def __init__(self) -> None:
        self.low: Floats = np.zeros(0, np.float32)
        self.high: Floats = np.zeros(0, np.float32)
        self._squares = ChannelMeans()

    def update(self, rows: Floats) -> None:
        """Add N samples of P vectors, ``[N, P, C]``."""
        self.widen(rows.min(axis=(0, 1)), rows.max(axis=(0, 1)))
        self._squares.update(_squares(rows).mean(axis=1, dtype=np.float64), rows.shape[1])

    def update_squares(self, sample: Floats) -> None:
        """Add the squares of a sample of N maps, ``[N, C, D1, ...]``, and not its range.

        Each map has weight 1, however many positions were sampled, as it has in the means.
        """
        columns = sample.reshape(*sample.shape[:2], -1)
        self._squares.update(_squares(columns).mean(axis=2, dtype=np.float64))

    def widen(self, low: Floats, high: Floats) -> None:
        """Widen the ranges to others, ``[C]`` each, and to zero."""
        low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
        if not self.low.size:
            self.low, self.high = low, high
        else:
            self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)

    def merge(self, other: Self) -> None:
        """Widen the ranges to others."""
        if other.low.size:
            self.widen(other.low, other.high)
        self._squares.merge(other._squares)

    def mean_squares(self) -> NDArray[np.float64]:
        """Return the mean of ``x^2`` of each channel, ``[C]``."""
        return self._squares.means()

    def divided(self, factors: NDArray[np.float32]) -> Self:
        """Return what would have been seen of ``x / factors``, with factors above zero."""
        divided = type(self)()
        divided.low, divided.high = self.low / factors, self.high / factors
        divided._squares = self._squares.divided(factors.astype(np.float64) ** 2)
        return divided

    def to_arrays(self) -> Arrays:
        """``limits [2, C]`` float32: low, high; ``sums`` and ``weight`` of the squares' means.

        Zeros have no sign, since the order of samples would decide on it.
        """
        limits = np.stack([self.low, self.high]) + np.float32(0)
        return {"limits": limits, **self._squares.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`."""
        statistic = cls()
        statistic.low, statistic.high = arrays["limits"].astype(np.float32)
        statistic._squares = ChannelMeans.from_arrays(arrays)
        return statistic


def _squares(array: Floats) -> Floats:
    """Return the squares; those that overflow are more than means can hold anyway."""
    with np.errstate(over="ignore"):
        return np.square(array)
