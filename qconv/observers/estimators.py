"""Ranges from statistics: pure functions of a range and a histogram, no second pass over data.

All work on points ``x [B]`` (middles of the histogram's bins) with counts ``n [B]``, and return
``(low, high)`` with ``low <= 0 <= high``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from qconv.errors import RecordError, UnsupportedError, foreign
from qconv.observers.distribution import Distribution, Floats, Response
from qconv.observers.least_error import Limits, harmless_range, least_error
from qconv.observers.value import ValueStatistics
from qconv.plugins import added

Method = Literal["minmax", "percentile", "entropy", "mse", "clip"] | str
"""One of these, or the name of one that an installed package adds."""

_MOST_CLIPPED = 1e-4
_ENTROPY_BINS = 2048
_ENTROPY_LEVELS = 128


def estimate_range(
    statistics: ValueStatistics,
    method: Method,
    percentile: float,
    responses: Sequence[Response] = (),
) -> Limits:
    """Return the range of a value by one of the methods.

    Args:
        statistics: of the value.
        method: how the range is read from them.
        percentile: percent of the data inside the range, for the method of that name.
        responses: what the value's readers make of it, at the points of its distribution; the
            methods ``minmax``, ``clip`` and ``mse`` then count the error behind the readers, and
            what is lost on them need not be in the range.

    Raises:
        RecordError: the method needs a histogram and the record holds ranges only.
        UnsupportedError: the method of an installed package fails, or gives no range.
    """
    if statistics.range.low > statistics.range.high:
        return 0.0, 0.0
    if method == "minmax" and not responses:
        return min(statistics.range.low, 0.0), max(statistics.range.high, 0.0)
    distribution = Distribution.of(statistics)
    if not distribution.points.size:
        raise RecordError(
            f"method '{method}' needs histograms, and the record holds ranges only",
            hint="calibrate with `statistics=histogram`, or convert with `method=minmax`",
        )
    if method == "percentile":
        return percentile_range(distribution, percentile)
    if method == "entropy":
        return entropy_range(distribution)
    if method == "mse":
        return least_error(distribution, responses, (0.0, 0.0))
    if method in ("minmax", "clip"):
        return _careful_range(distribution, responses, clipped=method == "clip")
    return added_range(distribution, method)


def mean_square(statistics: ValueStatistics) -> float:
    """Return the mean of ``x^2``, of numbers spread evenly over the range without a histogram."""
    distribution = Distribution.of(statistics)
    if distribution.points.size:
        return float(np.average(distribution.points**2, weights=distribution.counts))
    low, high = distribution.low, distribution.high
    return (low * low + low * high + high * high) / 3


def added_range(distribution: Distribution, method: str) -> Limits:
    """Return what the estimator of an installed package makes of points and counts.

    Raises:
        UnsupportedError: there is none, it fails, or what it gives is no range around zero.
    """
    estimator = added("estimator", method)
    if not callable(estimator):
        raise UnsupportedError(f"no installed package adds the estimator '{method}'")
    with foreign(lambda error: UnsupportedError(f"the estimator '{method}' failed: {error!r}")):
        given = estimator(distribution.points.copy(), distribution.counts.copy())
        low, high = (float(end) for end in given)
    if not (np.isfinite([low, high]).all() and low <= 0 <= high):
        raise UnsupportedError(
            f"the estimator '{method}' gave [{low:g}, {high:g}]; a range of finite numbers around "
            "zero is needed"
        )
    return low, high


def percentile_range(distribution: Distribution, percentile: float) -> Limits:
    """Leave out ``100 - percentile`` percent of the data, half at each end that has data."""
    clipped = 1 - percentile / 100
    two_sided = distribution.low < 0 < distribution.high
    return _inner_range(distribution, clipped / 2 if two_sided else clipped)


def _careful_range(
    distribution: Distribution, responses: Sequence[Response], *, clipped: bool
) -> Limits:
    """Return the least squared error among ranges that clip at most 0.01 % of the data, or none.

    Clipping more can lower the error of the value and yet lose what the network decides by. What
    makes no difference to the readers does not count as clipped.
    """
    low, high = distribution.low, distribution.high
    if clipped:
        low, high = percentile_range(distribution, 100 * (1 - _MOST_CLIPPED))
    if responses:
        harmless = harmless_range(distribution, responses)
        low, high = max(low, harmless[0]), min(high, harmless[1])
    return least_error(distribution, responses, (low, high))


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


def _inner_range(distribution: Distribution, clipped: float) -> Limits:
    """Return the range that leaves out a share of the data at each end that lies beyond zero."""
    share = np.cumsum(distribution.counts) / distribution.counts.sum()
    low_index = int(np.searchsorted(share, clipped, side="right"))
    high_index = int(np.searchsorted(share, 1 - clipped, side="left"))
    last = len(share) - 1
    low = distribution.low if low_index == 0 else float(distribution.points[min(low_index, last)])
    high = distribution.high if high_index >= last else float(distribution.points[high_index])
    return min(low, 0.0), max(high, 0.0)


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
