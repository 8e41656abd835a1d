"""Cross-layer equalization: scales of channels that make both sides of them easy to round.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
arXiv 1906.04721, section 4.1: a channel may be divided by any ``s_c`` in the layers that give it
and multiplied with it in those that read it. Equation 11 there takes ``s_c = sqrt(r1_c / r2_c)``
from the largest weights of both sides. Here ``s_c = reach_c^a rows_c^b / columns_c^(1 - a - b)``,
with the largest calibrated magnitude as ``reach`` and the largest weights that give and read the
channel as ``rows`` and ``columns``; ``a`` and ``b`` are searched against the error of the readers.

However badly a net was scaled before, dividing each channel by its reach brings it into the same
form. The search starts from there, so that its result depends on what the net computes alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.channel_noise import (
    TINY,
    WeightSummary,
    centred_factors,
    rounding_variance,
)

Floats = NDArray[np.float64]

_STEPS = 4
_SWEEPS = 2
_LIMIT = 1e5


@dataclass(frozen=True)
class Activation:
    """A value of a group that is rounded to so many ``levels``, one range for all its channels.

    ``low``, ``high`` and ``squares`` are minimum, maximum and mean square of each channel, ``[C]``.
    """

    low: Floats
    high: Floats
    squares: Floats
    levels: int
    group: int

    def divided(self, factors: Floats) -> Activation:
        """Return what it would be with its channels divided."""
        low, high = self.low / factors, self.high / factors
        return replace(self, low=low, high=high, squares=self.squares / factors**2)


@dataclass(frozen=True)
class Layer:
    """A layer between groups of values.

    Attributes:
        weight: what the error needs to know of it.
        rounded: whether it is rounded to integers.
        source: the value that it reads.
        squares: mean square of what it reads, for all channels, where that is no activation.
        read: the group that it reads, or None; ``upstream`` names the values of that group whose
            noise it meets.
        given: the group that it gives, or None; ``output`` is the value that it gives.
    """

    weight: WeightSummary
    rounded: bool
    source: str
    squares: float
    read: int | None
    upstream: frozenset[str]
    given: int | None
    output: str


@dataclass(frozen=True)
class Equalization:
    """Factors ``[C]`` of one group, and how far they lower the predicted error of its readers."""

    factors: NDArray[np.float32]
    gain_db: float


@dataclass(frozen=True)
class Net:
    """Layers and activations by name, as they are at one point of the search.

    ``levels`` is the largest integer of the weights; ``shared`` says that all channels of one
    have one scale.
    """

    layers: Mapping[str, Layer]
    activations: Mapping[str, Activation]
    levels: int
    shared: bool

    def divided(self, group: int, factors: Floats) -> Net:
        """Return the net with the channels of a group divided."""
        layers = dict(self.layers)
        for name, layer in self.layers.items():
            inputs = factors if layer.read == group else None
            outputs = factors if layer.given == group else None
            if inputs is not None or outputs is not None:
                layers[name] = replace(layer, weight=layer.weight.scaled(inputs, outputs))
        activations = {
            name: value.divided(factors) if value.group == group else value
            for name, value in self.activations.items()
        }
        return replace(self, layers=layers, activations=activations)

    def error(self, group: int) -> float:
        """Return the squared error of the readers of a group, each against its energy."""
        givers = [layer for layer in self.layers.values() if layer.given == group and layer.rounded]
        total = 0.0
        for layer in self.layers.values():
            if layer.read != group or not layer.rounded:
                continue
            squares = self._squares(layer)
            variances = np.zeros(len(squares))
            for name in layer.upstream & self.activations.keys():
                value = self.activations[name]
                variances += rounding_variance(value.low, value.high, value.levels)
            for giver in givers:
                if giver.output in layer.upstream:
                    variances += self._rounding(giver)
            noise = layer.weight.from_inputs(variances) + float(self._rounding(layer).sum())
            total += noise / max(layer.weight.from_inputs(squares), TINY)
        return total

    def _rounding(self, layer: Layer) -> Floats:
        steps = layer.weight.steps(self.levels, shared=self.shared)
        return layer.weight.from_rounding(self._squares(layer), steps)

    def _squares(self, layer: Layer) -> Floats:
        value = self.activations.get(layer.source)
        groups, _, inputs = layer.weight.peaks.shape
        return np.full(groups * inputs, layer.squares) if value is None else value.squares


def equalize_groups(net: Net, sizes: Mapping[int, int]) -> dict[int, Equalization]:
    """Return factors for groups of values, by their numbers; ``sizes`` holds their channels.

    The gain of a group counts with all other groups equalized.
    """
    factors = {group: np.ones(size) for group, size in sizes.items()}

    def divide(group: int, by: Floats) -> None:
        nonlocal net
        net = net.divided(group, by)
        factors[group] = factors[group] * by

    for group in sizes:
        divide(group, _candidates(net, group, [(1.0, 0.0)])[0])
    for _ in range(_SWEEPS):
        for group in sizes:
            tried = _candidates(net, group, _exponents(shared=net.shared))
            errors = [net.divided(group, each).error(group) for each in tried]
            divide(group, tried[int(np.argmin(errors))])
    return {
        group: Equalization(own.astype(np.float32), _gain(net, group, own))
        for group, own in factors.items()
    }


def _gain(net: Net, group: int, factors: Floats) -> float:
    before = net.divided(group, 1 / factors).error(group)
    return 10 * float(np.log10(max(before, TINY**2) / max(net.error(group), TINY**2)))


def _exponents(*, shared: bool) -> list[tuple[float, float]]:
    """Return the pairs ``a``, ``b``; with a scale for each channel rows do not matter."""
    steps = [step / _STEPS for step in range(_STEPS + 1)]
    pairs = product(reversed(steps), steps if shared else (0.0,))
    return [(a, b) for a, b in pairs if a + b <= 1]


def _candidates(net: Net, group: int, exponents: Sequence[tuple[float, float]]) -> list[Floats]:
    """Return the factors for each pair of exponents.

    A channel without data, whose reach is zero, counts as if it reached as far as others with
    weights like those that give it.
    """
    own = [value for value in net.activations.values() if value.group == group]
    reach = np.max([np.maximum(-each.low, each.high) for each in own], axis=0)
    layers = net.layers.values()
    rows = _largest([each.weight.row_peaks() for each in layers if each.given == group])
    columns = _largest([each.weight.column_peaks() for each in layers if each.read == group])
    seen = (reach > TINY) & (rows > TINY)
    if seen.any():
        reach = np.where(reach > TINY, reach, rows * np.median(reach[seen] / rows[seen]))
    found = []
    for a, b in exponents:
        used = [pair for pair in ((reach, a), (rows, b), (columns, a + b - 1)) if pair[1]]
        live = np.all([sizes > TINY for sizes, _ in used], axis=0)
        factors = np.ones(len(reach))
        for sizes, exponent in used:
            factors[live] *= sizes[live] ** exponent
        found.append(centred_factors(factors, live, _LIMIT) if live.any() else factors)
    return found


def _largest(peaks: Sequence[Floats]) -> Floats:
    """Return the largest peak of each channel, each layer measured by its own largest one."""
    largest: Floats = np.max([each / max(float(each.max()), TINY) for each in peaks], axis=0)
    return largest
