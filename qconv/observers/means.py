"""Mean of each channel, summed exactly."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.statistic import Arrays

_FRACTION_BITS = 40
_FRACTION_MASK = (1 << _FRACTION_BITS) - 1
_HALF_BITS = _FRACTION_BITS // 2
_HALF_MASK = (1 << _HALF_BITS) - 1
_LARGEST = 2.0**40


class ChannelMeans:
    """Weighted sums of the channel means of samples, held as integers.

    Floating-point addition depends on order; integers do not. Each sample's mean is split into
    its whole part and 40 bits of fraction, both are added as int64 and carried over, so the sum
    of the rounded numbers is exact. The resolution is 2^-40 (9e-13).
    """

    def __init__(self) -> None:
        self._sums: NDArray[np.int64] | None = None
        self.weight = 0

    def update(self, means: NDArray[np.floating], positions: int = 1) -> None:
        """Add the channel means ``[N, C]`` of N samples, each taken over ``positions``."""
        numbers = np.clip(means.astype(np.float64), -_LARGEST, _LARGEST)
        whole = np.floor(numbers)
        fraction = np.rint((numbers - whole) * 2.0**_FRACTION_BITS).astype(np.int64)
        self._add(_times(whole.astype(np.int64).sum(axis=0), fraction.sum(axis=0), positions))
        self.weight += len(means) * positions

    def merge(self, other: Self) -> None:
        """Add the sums of another statistic."""
        if other._sums is not None:
            self._add(other._sums)
            self.weight += other.weight

    def means(self) -> NDArray[np.float64]:
        """Return the mean of each channel, ``[C]``; empty while nothing was seen."""
        if self._sums is None:
            return np.zeros(0)
        whole, fraction = self._sums
        total: NDArray[np.float64] = whole + fraction * 2.0**-_FRACTION_BITS
        return total / self.weight

    def divided(self, factors: NDArray[np.floating]) -> Self:
        """Return the means of channels divided by ``factors [C]``, to the same resolution."""
        divided = type(self)()
        if self._sums is not None:
            divided.update((self.means() / factors)[None], self.weight)
        return divided

    def part(self, start: int, end: int) -> Self:
        """Return the means of the channels from ``start`` up to ``end`` alone."""
        part = type(self)()
        if self._sums is not None:
            part._sums = self._sums[:, start:end].copy()
            part.weight = self.weight
        return part

    def to_arrays(self) -> Arrays:
        """``sums [2, C]`` int64 (whole parts, fractions) and ``weight [1]`` int64."""
        sums = np.zeros((2, 0), np.int64) if self._sums is None else self._sums
        return {"sums": sums, "weight": np.array([self.weight], np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from ``sums`` and ``weight``."""
        statistic = cls()
        sums = arrays["sums"].astype(np.int64)
        statistic._sums = sums if sums.size else None
        statistic.weight = int(arrays["weight"][0])
        return statistic

    def _add(self, sums: NDArray[np.int64]) -> None:
        total = sums if self._sums is None else self._sums + sums
        self._sums = _carried(*total)


def _carried(whole: NDArray[np.int64], fraction: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``[2, C]`` with fractions below 1."""
    return np.stack([whole + (fraction >> _FRACTION_BITS), fraction & _FRACTION_MASK])


def _times(
    whole: NDArray[np.int64], fraction: NDArray[np.int64], positions: int
) -> NDArray[np.int64]:
    """Return sums ``[2, C]`` times ``positions``, up to 2^43.

    The upper and the lower half of the bits of the fraction are multiplied apart: the product of
    the whole would pass 2^63 from 2^23 positions on.
    """
    whole, fraction = _carried(whole, fraction)
    upper = (fraction >> _HALF_BITS) * positions
    lower = (fraction & _HALF_MASK) * positions
    upper += lower >> _HALF_BITS
    whole = whole * positions + (upper >> _HALF_BITS)
    return np.stack([whole, ((upper & _HALF_MASK) << _HALF_BITS) + (lower & _HALF_MASK)])
