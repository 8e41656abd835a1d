"""Search the range whose rounding and clipping costs what reads the value the least.

All work on a :class:`Distribution` and on the responses of the value's readers, at its points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.observers.distribution import Distribution, Floats, Response

Limits = tuple[float, float]

_LEVELS = 255
_CANDIDATES = 128
_SMALLEST_FRACTION = 0.02
_CLIPPING = 16.0
"""Measured on the calibration data of a detector and a reader of text: 8 to 64 do alike, and 1
loses 10 dB of the detector's boxes in one value."""


def squared_errors(
    distribution: Distribution,
    response: Response,
    lows: Floats,
    highs: Floats,
    weight: float = 1.0,
) -> Floats:
    """Return the mean squared error of a response to 8 bits over each range ``[low, high]``.

    Rounding costs ``(slope * step)^2 / 12`` inside the range, clipping the squared distance to the
    response at the limit. Exact zeros carry no rounding error, since zero is always a level.
    ``lows`` and ``highs`` broadcast; what clipping costs is multiplied with ``weight``.
    """
    points, counts = distribution.points, distribution.counts
    moments = [_running_sums(counts * response.values**power) for power in range(3)]
    first, last = np.searchsorted(points, lows), np.searchsorted(points, highs, side="right")
    below = [moment[first] for moment in moments]
    above = [moment[-1] - moment[last] for moment in moments]
    clipped = sum(
        square - 2 * limit * linear + limit**2 * count
        for limit, (count, linear, square) in (
            (response.at(lows), below),
            (response.at(highs), above),
        )
    )
    noise = _running_sums(np.where(points == 0, 0.0, counts * response.slopes**2))
    steps = (highs - lows) / _LEVELS
    errors: Floats = weight * np.maximum(clipped, 0) + (noise[last] - noise[first]) * steps**2 / 12
    mean: Floats = errors / moments[0][-1]
    return mean


def least_error(
    distribution: Distribution, responses: Sequence[Response], narrowest: Limits
) -> Limits:
    """Return the range of least error between the data's own and the narrowest that is allowed.

    The errors of several responses add up, each in proportion to the response's mean square.
    Without a response readers take each number as it is. With one, clipping counts more: a gate
    erases large parts of a map, and what clipping changes there is the same all over them, so that
    it adds up in the layers behind, where rounding averages out.
    """
    weight = _CLIPPING if responses else 1.0
    lows, highs = _candidates(distribution, narrowest)
    errors = np.zeros((lows.size, highs.size))
    for response in responses or (distribution.as_it_is,):
        energy = float(np.average(response.values**2, weights=distribution.counts))
        own = squared_errors(distribution, response, lows[:, None], highs[None, :], weight)
        errors += own / energy if energy > 0 else own
    low, high = np.unravel_index(int(np.argmin(errors)), errors.shape)
    return float(lows[low]), float(highs[high])


def harmless_range(distribution: Distribution, responses: Sequence[Response]) -> Limits:
    """Return the narrowest range beyond which no response changes by more than one of its levels.

    What lies outside is lost on the readers, as large negative numbers are on a Sigmoid.
    """
    low, high = _candidates(distribution, (0.0, 0.0))
    for response in responses:
        points, results = distribution.points, response.values
        level = float(np.ptp(results)) / _LEVELS
        low = low[: _agreeing(points < low[:, None], results, response.at(low), level)]
        high = high[: _agreeing(points > high[:, None], results, response.at(high), level)]
    return float(low[-1]), float(high[-1])


def _candidates(distribution: Distribution, narrowest: Limits) -> tuple[Floats, Floats]:
    fractions = np.linspace(1, _SMALLEST_FRACTION, _CANDIDATES)
    lows = np.minimum(distribution.low * fractions, narrowest[0])
    return lows, np.maximum(distribution.high * fractions, narrowest[1])


def _agreeing(clipped: NDArray[np.bool_], results: Floats, at_limits: Floats, level: float) -> int:
    """Return how many limits, from the outermost on, clip what gives the same within a level.

    Args:
        clipped: ``[L, B]``, which points each limit clips.
        results: ``[B]``, what the points give.
        at_limits: ``[L]``, what they give when clipped.
        level: the largest change.
    """
    changes = np.where(clipped, np.abs(results - at_limits[:, None]), 0.0).max(axis=1)
    fits: NDArray[np.bool_] = changes <= level
    fits[0] = True
    return len(fits) if fits.all() else int(np.argmin(fits))


def _running_sums(numbers: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(numbers)])
