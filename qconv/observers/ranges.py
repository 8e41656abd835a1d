"""The smallest and largest number seen."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.statistic import Arrays


class Range:
    """Minimum and maximum of all finite data; ``low > high`` while nothing was seen."""

    def __init__(self, low: float = float("inf"), high: float = -float("inf")) -> None:
        self.low = low
        self.high = high

    def update(self, array: NDArray[np.float32]) -> None:
        """Widen the range to the array's extremes."""
        if array.size:
            self.low = min(self.low, float(array.min()))
            self.high = max(self.high, float(array.max()))

    def merge(self, other: Self) -> None:
        """Widen the range to another one."""
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)

    def to_arrays(self) -> Arrays:
        """``limits [2]`` float32: low, high; zeros without a sign, which the order would decide."""
        return {"limits": np.array([self.low, self.high], np.float32) + np.float32(0)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from ``limits``."""
        low, high = arrays["limits"]
        return cls(float(low), float(high))
