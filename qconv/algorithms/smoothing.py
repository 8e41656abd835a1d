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

from qconv.algorithms.channel_noise import TINY, centred_factors, rounding_variance
from qconv.algorithms.saturation import PAIR_LIMIT, pair_sums
from qconv.observers.channel_ranges import ChannelRanges

Floats = NDArray[np.float64]

_STRENGTHS = np.linspace(0, 1, 21)[1:]
_LEVELS = 255
_LIMIT = 1e4
_OUTPUTS, _CHUNK = 4096, 1 << 20
"""Outputs of a product whose steps are looked at, evenly spaced, and weights at a time."""


@dataclass(frozen=True)
class Smoothing:
    """Factors ``s [K]`` that a value is divided by and the rows of its weights multiplied with.

    ``strength`` is the exponent ``a``; ``gain_db`` is how far the predicted error of the products
    falls.
    """

    factors: NDArray[np.float32]
    strength: float
    gain_db: float


@dataclass(frozen=True)
class WeightGrid:
    """The numbers that weights will be rounded to.

    Attributes:
        levels: the largest integer.
        portable: whether adjacent ones keep to the limit of CPUs without VNNI.
        shared: whether all outputs of a product have one step.
    """

    levels: int
    portable: bool
    shared: bool


class Product:
    """The weight ``[K, N]`` of a product, float32, and how it is going to be rounded.

    Attributes:
        peaks: the largest magnitude that meets each input, ``[K]``.
        energies: the sum of squares that meet each input, ``[K]``.
    """

    def __init__(self, weight: NDArray[np.float32], grid: WeightGrid) -> None:
        self.peaks: Floats = np.abs(weight).max(axis=1, initial=0).astype(np.float64)
        self.energies: Floats = np.einsum("kn,kn->k", weight, weight, dtype=np.float64)
        self._outputs: int = weight.shape[1]
        self._weight = weight[:, :: max(1, -(-weight.shape[1] // _OUTPUTS))]
        self._grid = grid

    def rounding(self, squares: Floats, factors: Floats) -> float:
        """Return the variance of all outputs together that rounding ``s W`` gives.

        ``squares [K]`` are the mean squares of the inputs, ``factors [K]`` are ``s``.
        """
        steps = self._steps(factors.astype(np.float32))
        met = float((squares / factors**2).sum())
        return self._outputs * float(np.square(steps).mean()) / 12 * met

    def _steps(self, factors: NDArray[np.float32]) -> Floats:
        count = max(1, _CHUNK // len(factors))
        steps = []
        for begin in range(0, self._weight.shape[1], count):
            rows = (self._weight[:, begin : begin + count] * factors[:, None]).T
            own = np.abs(rows).max(axis=1) / self._grid.levels
            if self._grid.portable:
                own = np.maximum(own, pair_sums(rows) / PAIR_LIMIT)
            steps.append(own)
        found = np.concatenate(steps).astype(np.float64)
        return np.full_like(found, found.max()) if self._grid.shared else found


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
    largest = np.max([product.peaks for product in products], axis=0)
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
        noise = rounded * float((product.energies * factors**2).sum())
        noise += product.rounding(squares, factors)
        total += noise / max(float((product.energies * squares).sum()), TINY)
    return total


def _factors(reach: Floats, largest: Floats, exponent: float) -> Floats:
    """Equation 4, with a geometric mean of one; channels that are always zero are left alone."""
    live = (reach > TINY) & (largest > TINY)
    factors = np.ones(len(reach))
    factors[live] = reach[live] ** exponent / largest[live] ** (1 - exponent)
    return centred_factors(factors, live, _LIMIT)
