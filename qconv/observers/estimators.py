"""Ranges from statistics: pure functions of a range and a histogram, no second pass over data.

All work on points ``x [B]`` (middles of the histogram's bins) with counts ``n [B]``, and return
``(low, high)`` with ``low <= 0 <= high``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qconv.errors import RecordError
from qconv.observers.histogram import bin_centers
from qconv.observers.value import ValueStatistics

Method = Literal["minmax", "percentile", "entropy", "mse", "auto"]
Limits = tuple[float, float]
Floats = NDArray[np.float64]

_LEVELS = 255
_AUTO_CLIPPED = 1e-4
_CANDIDATES = 128
_SMALLEST_FRACTION = 0.02
_ENTROPY_BINS = 2048
_ENTROPY_LEVELS = 128


@dataclass(frozen=True)
class Distribution:
    """Sorted points with counts, and the exact extremes."""

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


def estimate_range(statistics: ValueStatistics, method: Method, percentile: float) -> Limits:
    """Return the range of a value by one of the methods.

    ``percentile`` is used by the method of that name: percent of the data inside the range.

    Raises:
        RecordError: the method needs a histogram and the record holds ranges only.
    """
    if statistics.range.low > statistics.range.high:
        return 0.0, 0.0
    if method == "minmax":
        return min(statistics.range.low, 0.0), max(statistics.range.high, 0.0)
    distribution = Distribution.of(statistics)
    if not distribution.points.size:
        raise RecordError(
            f"method '{method}' needs histograms, and the record holds ranges only",
            hint="calibrate with `statistics=histogram`, or convert with `method=minmax`",
        )
    if method == "percentile":
        return percentile_range(distribution, percentile)
    return _METHODS[method](distribution)


def mean_square(statistics: ValueStatistics) -> float:
    """Return the mean of ``x^2``, of numbers spread evenly over the range without a histogram."""
    distribution = Distribution.of(statistics)
    if distribution.points.size:
        return float(np.average(distribution.points**2, weights=distribution.counts))
    low, high = distribution.low, distribution.high
    return (low * low + low * high + high * high) / 3


def percentile_range(distribution: Distribution, percentile: float) -> Limits:
    """Leave out ``100 - percentile`` percent of the data, half at each end that has data."""
    clipped = 1 - percentile / 100
    two_sided = distribution.low < 0 < distribution.high
    return _inner_range(distribution, clipped / 2 if two_sided else clipped)


def mse_range(distribution: Distribution) -> Limits:
    """Minimize the mean squared error of 8 bits, whatever it clips."""
    return _least_error(distribution, (0.0, 0.0))


def auto_range(distribution: Distribution) -> Limits:
    """Least squared error among ranges that clip at most 0.01 % of the data.

    Clipping more can lower the error of the value and yet lose what the network decides by.
    """
    return _least_error(distribution, percentile_range(distribution, 100 * (1 - _AUTO_CLIPPED)))


def entropy_range(distribution: Distribution) -> Limits:
    """Minimize the Kullback-Leibler divergence between the clipped and the quantized distribution.

    After Migacz, "8-bit inference with TensorRT" (GTC 2017): magnitudes in 2048 linear bins, a
    threshold at each of them from 128 on, outliers added to the last bin, 128 levels.
    """
    magnitudes = np.abs(distribution.points)
    largest = max(-distribution.low, distribution.high)
    if largest < np.finfo(np.float32).tiny:
        return distribution.low, distribution.high
    histogram = _linear_histogram(magnitudes, distribution.counts, largest)
    thresholds = range(_ENTROPY_LEVELS, _ENTROPY_BINS + 1, 8)
    divergences = [_kl_divergence(histogram, threshold) for threshold in thresholds]
    best = thresholds[int(np.argmin(divergences))] / _ENTROPY_BINS * largest
    return max(distribution.low, -best), min(distribution.high, best)


_METHODS: Mapping[str, Callable[[Distribution], Limits]] = {
    "mse": mse_range,
    "auto": auto_range,
    "entropy": entropy_range,
}


def squared_errors(distribution: Distribution, lows: Floats, highs: Floats) -> Floats:
    """Return the mean squared error of quantizing to 8 bits over each range ``[low, high]``.

    Rounding costs ``step^2 / 12`` inside the range, clipping the squared distance outside. Exact
    zeros carry no rounding error, since zero is always a level. ``lows`` and ``highs`` broadcast.
    """
    points, counts = distribution.points, distribution.counts
    moments = [np.concatenate([[0.0], np.cumsum(counts * points**k)]) for k in range(3)]
    first, last = np.searchsorted(points, lows), np.searchsorted(points, highs, side="right")
    below = [moment[first] for moment in moments]
    above = [moment[-1] - moment[last] for moment in moments]
    clipped = sum(
        square - 2 * limit * linear + limit**2 * count
        for limit, (count, linear, square) in ((lows, below), (highs, above))
    )
    zeros = counts[points == 0].sum()
    rounded = moments[0][last] - moments[0][first] - zeros
    steps = (highs - lows) / _LEVELS
    errors: Floats = np.maximum(clipped, 0) + rounded * steps**2 / 12
    mean: Floats = errors / moments[0][-1]
    return mean


def _inner_range(distribution: Distribution, clipped: float) -> Limits:
    """Return the range that leaves out a share of the data at each end that lies beyond zero."""
    share = np.cumsum(distribution.counts) / distribution.counts.sum()
    low_index = int(np.searchsorted(share, clipped, side="right"))
    high_index = int(np.searchsorted(share, 1 - clipped, side="left"))
    last = len(share) - 1
    low = distribution.low if low_index == 0 else float(distribution.points[min(low_index, last)])
    high = distribution.high if high_index >= last else float(distribution.points[high_index])
    return min(low, 0.0), max(high, 0.0)


def _least_error(distribution: Distribution, narrowest: Limits) -> Limits:
    """Search a grid of ranges between the data's own and the narrowest that is allowed."""
    fractions = np.linspace(1, _SMALLEST_FRACTION, _CANDIDATES)
    lows = np.minimum(distribution.low * fractions, narrowest[0])
    highs = np.maximum(distribution.high * fractions, narrowest[1])
    errors = squared_errors(distribution, lows[:, None], highs[None, :])
    low, high = np.unravel_index(int(np.argmin(errors)), errors.shape)
    return float(lows[low]), float(highs[high])


def _linear_histogram(magnitudes: Floats, counts: Floats, largest: float) -> Floats:
    """Spread the counts of the logarithmic bins over equal linear ones.

    Exact zeros are left out: every range represents them without error.
    """
    kept = magnitudes > 0
    start, end = magnitudes[kept] * (1 - 1 / 256), magnitudes[kept] * (1 + 1 / 256)
    edges = np.linspace(0, largest, _ENTROPY_BINS + 1)
    order = np.argsort(start, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(counts[kept][order])])
    knots = np.concatenate([start[order][:1], end[order]])
    cumulative = np.interp(edges, np.maximum.accumulate(knots), total)
    cumulative[-1] = total[-1]
    return np.diff(cumulative)


def _kl_divergence(histogram: Floats, threshold: int) -> float:
    reference = histogram[:threshold].copy()
    reference[-1] += histogram[threshold:].sum()
    nonzero = histogram[:threshold] > 0
    starts = (np.arange(_ENTROPY_LEVELS) * threshold) // _ENTROPY_LEVELS
    sums = np.add.reduceat(histogram[:threshold], starts)
    occupied = np.add.reduceat(nonzero.astype(np.float64), starts)
    level = np.searchsorted(starts, np.arange(threshold), side="right") - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        quantized = np.where(nonzero, sums[level] / occupied[level], 0.0)
    if quantized.sum() == 0 or reference.sum() == 0:
        return float("inf")
    p, q = reference / reference.sum(), quantized / quantized.sum()
    both = (p > 0) & (q > 0)
    lost = float(p[(p > 0) & (q == 0)].sum())
    return float((p[both] * np.log(p[both] / q[both])).sum()) + lost * 100
