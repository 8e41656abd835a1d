"""Confidence intervals of measured times, by resampling. NumPy only."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000
_FEWEST = 10
"""With fewer rounds, a resample says nothing of the spread of a median."""


def percentile_interval(
    times: NDArray[np.float64], percent: float, level: float = 95.0
) -> tuple[float, float] | None:
    """Return the confidence interval of a percentile of times ``[rounds]``.

    Its ends are two of the times: those whose ranks are the normal limits of how many times lie
    below the percentile (H. A. David and H. N. Nagaraja, "Order Statistics", 2003, section 7.1).

    Returns:
        The two limits; None with fewer than ten rounds.
    """
    rounds = len(times)
    if rounds < _FEWEST:
        return None
    below = rounds * percent / 100
    spread = NormalDist().inv_cdf((1 + level / 100) / 2) * math.sqrt(below * (1 - percent / 100))
    ranks = math.floor(below - spread), math.ceil(below + spread)
    low, high = np.sort(times)[np.clip(ranks, 0, rounds - 1)]
    return float(low), float(high)


def median_ratio_interval(
    base: NDArray[np.float64], own: NDArray[np.float64], level: float = 95.0
) -> tuple[float, float] | None:
    """Return the confidence interval of ``median(base) / median(own)``.

    It is the percentile bootstrap (B. Efron, "Bootstrap methods: another look at the jackknife",
    Annals of Statistics 7 (1979), 1-26) over rounds: both times of a round are drawn together,
    so that a slow moment of the machine hits both. The draws are the same each time.

    Args:
        base: times ``[rounds]``, in any unit.
        own: times ``[rounds]`` of the same rounds.
        level: confidence in percent.

    Returns:
        The two limits; None with fewer than ten rounds.
    """
    rounds = len(base)
    if rounds < _FEWEST:
        return None
    draws = np.random.default_rng(0).integers(rounds, size=(_RESAMPLES, rounds))
    ratios = np.median(base[draws], axis=1) / np.median(own[draws], axis=1)
    tail = (100 - level) / 2
    low, high = np.percentile(ratios, [tail, 100 - tail])
    return float(low), float(high)
