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

from qconv.algorithms.channel_noise import (
    TINY,
    WeightSummary,
    centred_factors,
    rounding_variance,
)
from qconv.algorithms.saturation import PAIR_LIMIT, pair_sums
from qconv.observers.channels import ChannelRanges

Floats = NDArray[np.float64]

_STRENGTHS = np.linspace(0, 1, 21)[1:]
_LEVELS, _WEIGHT_LEVELS = 255, 127
_LIMIT = 1e4


@dataclass(frozen=True)
class Smoothing:
    """Factors ``s [K]`` that a value is divided by and the rows of its weights multiplied with.

    ``strength`` is the exponent ``a``; ``gain_db`` is how far the predicted error of the products
    falls.
    """

    factors: NDArray[np.float32]
    strength: float
    gain_db: float


class Product:
    """The weight ``[K, N]`` of a product, and how it is going to be rounded.

    ``portable`` weights keep to the limit of CPUs without VNNI, which coarsens their steps.
    """

    def __init__(self, weight: Floats, *, portable: bool) -> None:
        self.size = len(weight)
        self.summary = WeightSummary.of_product(weight)
        self._rows = weight.T.astype(np.float32) if portable else None

    def rounding(self, squares: Floats, factors: Floats) -> float:
        """Return the variance of all outputs that rounding ``s W`` gives.

        ``squares [K]`` are the mean squares of the inputs, ``factors [K]`` are ``s``.
        """
        scaled = self.summary.scaled(factors)
        steps = scaled.steps(_WEIGHT_LEVELS, shared=False)
        if self._rows is not None:
            sums = pair_sums(self._rows * factors.astype(np.float32))
            steps = np.maximum(steps, sums / PAIR_LIMIT)
        return float(scaled.from_rounding(squares / factors**2, steps).sum())


def search_smoothing(
    channels: ChannelRanges, products: Sequence[Product], strength: float | None
) -> Smoothing | None:
    """Return the factors of least predicted error, or None where none lowers it.

    Args:
        channels: of the value, K of them.
        products: what reads it.
        strength: the exponent, or None to search it.
    """
    reach = np.maximum(-channels.low, channels.high).astype(np.float64)
    largest = np.max([product.summary.column_peaks() for product in products], axis=0)
    if not reach.any() or not largest.any():
        return None
    exact = predicted_error(channels, products, np.ones(len(reach)))
    candidates = {}
    for exponent in _STRENGTHS if strength is None else (strength,):
        factors = _factors(reach, largest, float(exponent))
        candidates[float(exponent)] = (predicted_error(channels, products, factors), factors)
    best = min(candidates, key=lambda exponent: candidates[exponent][0])
    error, factors = candidates[best]
    gain = 10 * float(np.log10(max(exact, TINY**2) / max(error, TINY**2)))
    if strength is None and gain <= 0:
        return None
    return Smoothing(factors.astype(np.float32), best, gain)


def predicted_error(channels: ChannelRanges, products: Sequence[Product], factors: Floats) -> float:
    """Return the squared error of all products, each against the energy of its outputs."""
    rounded = rounding_variance(channels.low / factors, channels.high / factors, _LEVELS)
    squares = channels.mean_squares()
    total = 0.0
    for product in products:
        noise = product.summary.from_inputs(rounded * factors**2)
        noise += product.rounding(squares, factors)
        total += noise / max(product.summary.from_inputs(squares), TINY)
    return total


def _factors(reach: Floats, largest: Floats, exponent: float) -> Floats:
    """Equation 4, with a geometric mean of one; channels that are always zero are left alone."""
    live = (reach > TINY) & (largest > TINY)
    factors = np.ones(len(reach))
    factors[live] = reach[live] ** exponent / largest[live] ** (1 - exponent)
    return centred_factors(factors, live, _LIMIT)
