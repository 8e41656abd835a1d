"""An estimator of ranges: ``--method six_sigma``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def six_sigma(points: Floats, counts: Floats) -> tuple[float, float]:
    """Return six standard deviations on both sides of the mean, where there are numbers.

    Args:
        points: the middles of the histogram's bins ``[B]``.
        counts: how many numbers lie in each ``[B]``.
    """
    mean = float(np.average(points, weights=counts))
    deviation = float(np.sqrt(np.average((points - mean) ** 2, weights=counts)))
    low = max(mean - 6 * deviation, float(points.min()))
    high = min(mean + 6 * deviation, float(points.max()))
    return min(low, 0.0), max(high, 0.0)
