"""Predict the error of layers whose input channels are scaled, from their weights alone.

Rounding to steps ``d`` is taken for noise of ``d^2 / 12`` that no numbers share: that of the inputs
meets the weights, that of the weights the mean squares of the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Floats = NDArray[np.float64]

TINY = 1e-12


@dataclass(frozen=True)
class WeightSummary:
    """What the error needs to know of a weight ``[G, O / G, C / G, K]``.

    G groups of channels, O outputs, C inputs, and K taps that meet each input. ``peaks`` holds the
    largest magnitude over the taps, ``energies`` the sum of squares, both ``[G, O / G, C / G]``.
    """

    peaks: Array
    energies: Array
    taps: int

    @classmethod
    def of(cls, weight: Array) -> WeightSummary:
        """Summarize a weight ``[G, O / G, C / G, K]``."""
        return cls(np.abs(weight).max(axis=3), np.square(weight).sum(axis=3), weight.shape[3])

    def scaled(self, inputs: Floats | None = None, outputs: Floats | None = None) -> WeightSummary:
        """Return the weight multiplied with ``inputs [C]`` and divided by ``outputs [O]``."""
        factors = np.ones((1, 1, 1)) if inputs is None else self._along_inputs(inputs)
        if outputs is not None:
            factors = factors / outputs.reshape(len(self.peaks), -1, 1)
        factors = factors.astype(self.peaks.dtype)
        return WeightSummary(self.peaks * factors, self.energies * np.square(factors), self.taps)

    def row_peaks(self) -> Floats:
        """Return the largest magnitude that gives each output, ``[O]``."""
        return _flat(self.peaks.max(axis=2))

    def column_peaks(self) -> Floats:
        """Return the largest magnitude that meets each input, ``[C]``."""
        return _flat(self.peaks.max(axis=1))

    def from_inputs(self, variances: Floats) -> float:
        """Return the variance of all outputs together that noise of the inputs ``[C]`` gives."""
        columns = self.energies.sum(axis=1, dtype=np.float64).reshape(-1)
        return float((columns * variances).sum())

    def steps(self, levels: int, *, shared: bool) -> Floats:
        """Return the step ``[O]`` of weights rounded to at most ``levels`` times it.

        ``shared`` is whether all outputs have one, that of the largest weight.
        """
        rows = self.row_peaks().astype(np.float64)
        steps: Floats = (np.full_like(rows, rows.max()) if shared else rows) / levels
        return steps

    def from_rounding(self, squares: Floats, steps: Floats) -> Floats:
        """Return the variance of each output ``[O]`` that rounding the weight gives.

        Args:
            squares: mean squares of the inputs, ``[C]``.
            steps: of the rounded weights, ``[O]``.
        """
        met = self.taps * self._along_inputs(squares).sum(axis=2)
        variances: Floats = np.square(steps).reshape(len(self.peaks), -1) / 12 * met
        return variances.reshape(-1)

    def _along_inputs(self, numbers: Floats) -> Floats:
        return numbers.reshape(len(self.peaks), 1, -1)


def _flat(array: Array) -> Floats:
    return array.astype(np.float64).reshape(-1)


def rounding_variance(low: Array, high: Array, levels: int) -> float:
    """Return the variance of rounding numbers of one range over all channels, ``[C]`` each."""
    step = (float(high.max()) - float(low.min())) / levels
    return step**2 / 12


def centred_factors(factors: Floats, live: NDArray[np.bool_], limit: float) -> Floats:
    """Return factors with a geometric mean of one over the live channels, and 1 for the others.

    None is further from 1 than ``limit``. A factor that is no number above zero, as of a weight
    that holds Inf, is left at 1.
    """
    centred = np.ones(len(factors))
    usable = live & np.isfinite(factors) & (factors > 0)
    if usable.any():
        centred[usable] = factors[usable] / np.exp(np.log(factors[usable]).mean())
    limited: Floats = np.clip(centred, 1 / limit, limit)
    return limited
