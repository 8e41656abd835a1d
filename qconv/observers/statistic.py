"""What a statistic is: a summary that grows by exact, commutative addition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]

SENTINEL = 1e30
"""Magnitudes from here on are sentinels, not data: -3.4e38 or -Inf of an attention mask."""


class Mergeable(Protocol):
    """Sums that grow by those of others; a fresh one changes nothing."""

    def merge(self, other: Self) -> None:
        """Add what another one of the same kind has seen."""


Sums = TypeVar("Sums", bound=Mergeable)


def joined(parts: Sequence[Sums]) -> Sums:
    """Return what one or more have seen together; a single one is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    total = type(parts[0])()
    for part in parts:
        total.merge(part)
    return total


class Statistic(Mergeable, Protocol):
    """A mergeable summary of the arrays that it has seen.

    Laws: ``merge`` is associative and commutative with a fresh statistic as identity; merging
    the statistics of shards gives the bits of the statistic of the whole.
    """

    def to_arrays(self) -> Arrays:
        """Return the state as named arrays."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild a statistic from :meth:`to_arrays`."""
