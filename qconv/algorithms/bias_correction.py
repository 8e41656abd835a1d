"""Bias correction: take the expected error of quantized weights out of the bias.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
arXiv 1906.04721, equation 17: with the weight error ``D = Q(W) - W`` the output of a layer is
shifted by ``D E[x]``, which is subtracted from the bias. Here ``E[x]`` is measured. Where the
quantized model runs, what is behind the activation can be compared itself (section 4.2.1 there).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.windows import Windows
from qconv.observers.gram import Gram

Floats = NDArray[np.float64]

_STEPS, _DAMPING = 20, 0.7
_FEWEST_ACTIVE = 0.05


def convolution_shift(error: Floats, means: Floats, windows: Windows) -> Floats:
    """Return the expected shift ``[O]`` of a convolution's output.

    Args:
        error: ``Q(W) - W``, ``[O, I / groups, k1, ...]``.
        means: mean of each input channel, ``[I]``.
        windows: geometry; near the border a tap meets zero padding instead of data, so its mean
            counts only for the share of output positions where it lies inside.
    """
    outputs, per_group = error.shape[:2]
    inside = windows.inside_share()
    by_channel = (error * inside).reshape(outputs, per_group, -1).sum(axis=-1)
    grouped_means = means.reshape(windows.groups, 1, per_group)
    shift: Floats = (by_channel.reshape(windows.groups, -1, per_group) * grouped_means).sum(axis=-1)
    return shift.reshape(outputs)


def product_shift(error: Floats, means: Floats) -> Floats:
    """Return the expected shift ``[O]`` of a product's output; ``error [O, I]``, ``means [I]``."""
    return error @ means


def mean_output(
    weight: Floats, means: Floats, windows: Windows | None, gram: Gram | None
) -> Floats:
    """Return what a layer gives in the mean, without its bias, ``[O]``.

    Where sizes of a feature map are unknown, so is the share of padding that the taps of a
    convolution meet; the vectors that were seen, if there are some, hold it.

    Args:
        weight: ``[O, I / groups, k1, ...]`` of a convolution, or ``[O, I]``; its error will do.
        means: mean of each input channel, ``[I]``.
        windows: geometry of a convolution, None for a product.
        gram: what is known of the vectors that it meets.
    """
    if windows is None:
        return product_shift(weight, means)
    if None in windows.sizes and gram is not None and gram.count:
        seen = gram.means()
        rows = weight.reshape(len(seen), -1, seen.shape[1])
        outputs: Floats = np.einsum("gok,gk->go", rows, seen).reshape(-1)
        return outputs
    return convolution_shift(weight, means, windows)


def measured_shift(
    exact: Sequence[NDArray[np.floating]],
    quantized: Sequence[NDArray[np.floating]],
    bounds: tuple[float, float],
) -> Floats:
    """Return what to add to the biases ``[O]`` so that means behind the activation agree.

    The mean before the activation is the wrong one to mend: most numbers that a Relu cuts off do
    not count, and shifting all for their sake makes the others worse. A shift that is not clear of
    the scatter between samples is weakened by its positive-part James-Stein factor,
    ``1 - (standard error / shift)^2``; of one sample nothing is known.

    Args:
        exact: of each sample what the float layer gives ``[P, O]``, before its activation.
        quantized: what the quantized layer gives there.
        bounds: those that the activation cuts off at: 0 and infinity for Relu.
    """
    goals = np.array([_mean(outputs, bounds) for outputs in exact])
    counts = [len(outputs) for outputs in exact]
    goal, outputs = np.average(goals, axis=0, weights=counts), np.concatenate(quantized)
    shift: Floats = np.zeros(outputs.shape[1])
    for _ in range(_STEPS):
        moved = outputs + shift.astype(outputs.dtype)
        active = ((moved > bounds[0]) & (moved < bounds[1])).mean(axis=0)
        excess = _mean(moved, bounds) - goal
        shift -= _DAMPING * excess / np.maximum(active, _FEWEST_ACTIVE)
    errors = np.array([_mean(outputs, bounds) for outputs in quantized]) - goals
    if len(errors) < 2:
        return np.zeros_like(shift)
    variance = errors.var(axis=0, ddof=1) / len(errors)
    square = np.square(errors.mean(axis=0))
    known = np.divide(variance, square, out=np.ones_like(square), where=square > 0)
    weakened: Floats = shift * np.maximum(0, 1 - known)
    return weakened


def _mean(outputs: NDArray[np.floating], bounds: tuple[float, float]) -> Floats:
    mean: Floats = np.clip(outputs, *bounds).mean(axis=0, dtype=np.float64)
    return mean
