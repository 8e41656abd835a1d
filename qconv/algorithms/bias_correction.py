"""Bias correction: take the expected error of quantized weights out of the bias.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
arXiv 1906.04721, equation 17: with the weight error ``D = Q(W) - W`` the output of a layer is
shifted by ``D E[x]``, which is subtracted from the bias. Here ``E[x]`` is measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.windows import Windows

Floats = NDArray[np.float64]


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
