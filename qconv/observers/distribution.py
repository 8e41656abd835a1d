"""How the numbers of a value are spread, and what its readers make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.observers.histogram import bin_centers
from qconv.observers.value import ValueStatistics

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """What one reader makes of the numbers of a value, at the points of its distribution.

    Attributes:
        values: ``[B]``, the result for each point.
        slopes: ``[B]``, how fast the result changes with the point.
        grid: ``[G]``, numbers between the extremes, in order.
        results: ``[G]``, the result for each of them.
    """

    values: Floats
    slopes: Floats
    grid: Floats
    results: Floats

    def at(self, numbers: Floats) -> Floats:
        """Return the results for numbers between the extremes."""
        found: Floats = np.interp(numbers, self.grid, self.results)
        return found


@dataclass(frozen=True)
class Distribution:
    """Sorted points ``[B]`` with counts ``[B]``, and the exact extremes, zero among them."""

    points: Floats
    counts: Floats
    low: float
    high: float

    @classmethod
    def of(cls, statistics: ValueStatistics) -> Distribution:
        """Read the distribution of a value from its statistics."""
        bins, counts = statistics.histogram.items()
        points = bin_centers(bins)
        order = np.argsort(points, kind="stable")
        low, high = min(statistics.range.low, 0.0), max(statistics.range.high, 0.0)
        return cls(np.clip(points[order], low, high), counts[order].astype(np.float64), low, high)

    @property
    def as_it_is(self) -> Response:
        """The response of readers that take each number as it is."""
        extremes = np.array([self.low, self.high])
        return Response(self.points, np.ones_like(self.points), extremes, extremes)
