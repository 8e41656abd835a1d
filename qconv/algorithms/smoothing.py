"""SmoothQuant: move the range of outlier channels from activations into weights.

Xiao et al., "SmoothQuant", arXiv 2211.10438, equations 3 and 4: ``Y = (X / s) (s W)`` with
``s_j = max|X_j|^a / max|W_j|^(1-a)``. Here ``a`` is searched for each value that products read,
against the error of these products as the statistics of the value's channels predict it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.observers.channels import ChannelRanges

Floats = NDArray[np.float64]

_STRENGTHS = np.linspace(0, 1, 21)[1:]
_LEVELS, _WEIGHT_LEVELS = 255, 127
_TINY = 1e-12


@dataclass(frozen=True)
class Smoothing:
    """Factors ``s [K]`` that a value is divided by and the rows of its weights multiplied with.

    ``strength`` is the exponent ``a``; ``gain_db`` is how far the predicted error of the products
    falls.
    """

    factors: NDArray[np.float32]
    strength: float
    gain_db: float


def search_smoothing(
    channels: ChannelRanges, weights: Sequence[Floats], strength: float | None
) -> Smoothing | None:
    """Return the factors of least predicted error, or None where none lowers it.

    Args:
        channels: of the value, K of them.
        weights: what reads it, each ``[K, N]``.
        strength: the exponent, or None to search it.
    """
    reach = np.maximum(-channels.low, channels.high).astype(np.float64)
    largest = np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0)
    if not reach.any() or not largest.any():
        return None
    exact = predicted_error(channels, weights, np.ones(len(reach)))
    candidates = {}
    for exponent in _STRENGTHS if strength is None else (strength,):
        factors = _factors(reach, largest, float(exponent))
        candidates[float(exponent)] = (predicted_error(channels, weights, factors), factors)
    best = min(candidates, key=lambda exponent: candidates[exponent][0])
    error, factors = candidates[best]
    gain = 10 * float(np.log10(max(exact, _TINY**2) / max(error, _TINY**2)))
    if strength is None and gain <= 0:
        return None
    return Smoothing(factors.astype(np.float32), best, gain)


def predicted_error(channels: ChannelRanges, weights: Sequence[Floats], factors: Floats) -> float:
    """Return the squared error of all products, each against the energy of its outputs.

    Rounding to steps ``d`` is taken for noise of ``d^2 / 12`` that no channels share: that of the
    activations meets the weights, that of the weights the mean squares of the activations.
    """
    low, high = channels.low / factors, channels.high / factors
    step = (float(high.max()) - float(low.min())) / _LEVELS
    squares = channels.mean_squares()
    total = 0.0
    for weight in weights:
        scaled = weight * factors[:, None]
        weight_steps = np.abs(scaled).max(axis=0) / _WEIGHT_LEVELS
        noise = step**2 * np.square(scaled).sum()
        noise += np.square(weight_steps).sum() * (squares / factors**2).sum()
        energy = (squares[:, None] * np.square(weight)).sum()
        total += float(noise) / 12 / max(float(energy), _TINY)
    return total


def _factors(reach: Floats, largest: Floats, exponent: float) -> Floats:
    """Equation 4, with a geometric mean of one; channels that are always zero are left alone."""
    live = (reach > _TINY) & (largest > _TINY)
    factors = np.ones(len(reach))
    factors[live] = reach[live] ** exponent / largest[live] ** (1 - exponent)
    factors[live] /= np.exp(np.log(factors[live]).mean())
    limited: Floats = np.clip(factors, 1e-4, 1e4)
    return limited
