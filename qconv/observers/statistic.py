"""What a statistic is: a summary that grows by exact, commutative addition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]

SENTINEL = 1e30
"""Magnitudes from here on are sentinels, such as the -3.4e38 of an attention mask, not data."""


class Statistic(Protocol):
    """A mergeable summary of the arrays that it has seen.

    Laws: ``merge`` is associative and commutative with a fresh statistic as identity; merging
    the statistics of shards gives the bits of the statistic of the whole.
    """

    def merge(self, other: Self) -> None:
        """Add what another statistic of the same kind has seen."""

    def to_arrays(self) -> Arrays:
        """Return the state as named arrays."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild a statistic from :meth:`to_arrays`."""
