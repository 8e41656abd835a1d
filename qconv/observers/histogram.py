"""Histogram over the upper 16 bits of float32: sign, exponent and 7 bits of mantissa.

The bins need no range beforehand, never move, and are finer than 0.8 % of the value, so that
counting is one table look-up per element and merging is integer addition. Min-max, percentile,
entropy and mean squared error are all read from it afterwards.
"""

from __future__ import annotations

import sys
from typing import Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.statistic import Arrays

_BINS = 1 << 16
_FLUSH_AT = 1 << 17
_HIGH_HALF = 1 if sys.byteorder == "little" else 0


def upper_bits(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the upper 16 bits of each float32 (bfloat16, rounded towards zero), flattened."""
    flat = np.ascontiguousarray(array, np.float32).reshape(-1)
    return flat.view(np.uint16)[_HIGH_HALF::2]


def bin_centers(bins: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return the middle of each bin as a number; the bins around zero give zero."""
    edges = (bins.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    smallest = float(np.finfo(np.float32).tiny)
    return np.where(np.abs(edges) < smallest, 0.0, edges * (1 + 1 / 256))


class Histogram:
    """Counts of the bins that were met, in order of bin number.

    Small arrays are gathered until counting them pays, so that a thousand small values cost
    no more than one large one.
    """

    def __init__(self) -> None:
        self._bins: NDArray[np.uint16] = np.zeros(0, np.uint16)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self._pending: list[NDArray[np.uint16]] = []
        self._pending_size = 0

    def update(self, array: NDArray[np.float32]) -> None:
        """Count the elements of an array without NaN."""
        bits = upper_bits(array)
        if bits.size < _FLUSH_AT:
            bits = bits.copy()
        self._pending.append(bits)
        self._pending_size += bits.size
        if self._pending_size >= _FLUSH_AT:
            self._flush()

    def merge(self, other: Self) -> None:
        """Add the counts of another histogram."""
        bins, counts = other.items()
        dense = self._dense()
        dense[bins] += counts
        self._keep(dense)

    def items(self) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Return the bins that were met and their counts, both ``[B]``."""
        self._flush()
        return self._bins, self._counts

    def to_arrays(self) -> Arrays:
        """``bins [B]`` uint16 and ``counts [B]`` int64."""
        bins, counts = self.items()
        return {"bins": bins, "counts": counts}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from ``bins`` and ``counts``."""
        histogram = cls()
        histogram._bins = arrays["bins"].astype(np.uint16)
        histogram._counts = arrays["counts"].astype(np.int64)
        return histogram

    def _dense(self) -> NDArray[np.int64]:
        self._flush()
        dense = np.zeros(_BINS, np.int64)
        dense[self._bins] = self._counts
        return dense

    def _flush(self) -> None:
        if not self._pending:
            return
        pending, self._pending, self._pending_size = self._pending, [], 0
        dense = np.zeros(_BINS, np.int64)
        dense[self._bins] = self._counts
        bits = pending[0] if len(pending) == 1 else np.concatenate(pending)
        dense += np.bincount(bits, minlength=_BINS)
        self._keep(dense)

    def _keep(self, dense: NDArray[np.int64]) -> None:
        self._bins = np.flatnonzero(dense).astype(np.uint16)
        self._counts = dense[self._bins]
