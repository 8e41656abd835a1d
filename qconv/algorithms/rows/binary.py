"""Scales of blocks whose weights become -scale or scale."""

from __future__ import annotations

import numpy as np

from qconv.algorithms.rows.blocks import Floats, Scales, safe_scale


def magnitude_scales(blocks: Floats, weights: Floats) -> Scales:
    """Return the (weighted) mean magnitudes of ``blocks [N, b, B]``.

    That is the scale of least ``sum(weights * error ** 2)``: XNOR-Net, arXiv 1603.05279,
    equation 6, where all weights are 1.
    """
    size = np.abs(blocks)
    unit = safe_scale(size.max(axis=-1))
    size /= unit[..., None]
    mean = (size * weights).sum(axis=-1) / weights.sum(axis=-1)
    return Scales(safe_scale(mean * unit), np.zeros_like(unit))
