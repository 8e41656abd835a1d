"""Confidence intervals of measured times, by resampling. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000
_FEWEST = 10
"""With fewer rounds, a resample says nothing of the spread of a median."""


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
