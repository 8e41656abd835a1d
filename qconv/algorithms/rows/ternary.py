"""Scales of blocks whose weights become -scale, 0 or scale."""

from __future__ import annotations

import numpy as np

from qconv.algorithms.rows.blocks import Floats, Scales, safe_scale


def threshold_scales(blocks: Floats, weights: Floats) -> Scales:
    """Return the scales of Ternary Weight Networks, arXiv 1605.04711, equations 5 and 6.

    The scale is the mean of the magnitudes above 0.7 times the mean magnitude. ``weights``
    count the columns: 1, and 0 for those that only fill up a block ``[N, b, B]``.
    """
    size = np.abs(blocks)
    unit = _unit(size)
    size /= unit[..., None]
    threshold = 0.7 * (size * weights).sum(axis=-1) / weights.sum(axis=-1)
    large = weights * (size > threshold[..., None])
    return _symmetric((size * large).sum(axis=-1) / np.maximum(large.sum(axis=-1), 1) * unit)


def best_ternary_scales(blocks: Floats, weights: Floats) -> Scales:
    """Return the scales of least ``sum(weights * error ** 2)``, exactly.

    The nonzero weights of the optimum are the largest ones, whatever the weighting, since a
    weight is rounded by its distance alone. Of each number of them the best scale is
    ``sum(w |x|) / sum(w)`` and lowers the error by ``sum(w |x|) ** 2 / sum(w)``.
    """
    size = np.abs(blocks)
    unit = _unit(size)
    size /= unit[..., None]
    order = np.argsort(-size, axis=-1, kind="stable")
    count = np.take_along_axis(np.broadcast_to(weights, size.shape), order, axis=-1)
    count = count.cumsum(axis=-1, dtype=np.float64)
    total = (size * weights).astype(np.float64)
    total = np.take_along_axis(total, order, axis=-1).cumsum(axis=-1)
    mean = total / np.where(count > 0, count, 1)
    best = np.argmax(total * mean, axis=-1)[..., None]
    return _symmetric(np.take_along_axis(mean, best, axis=-1)[..., 0] * unit)


def _unit(size: Floats) -> Floats:
    return safe_scale(size.max(axis=-1))


def _symmetric(scale: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> Scales:
    return Scales(safe_scale(scale), np.zeros(scale.shape, np.float32))
