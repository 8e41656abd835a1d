"""AdaRound, arXiv 2004.10568: whether each weight goes up or down is learned, all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows.blocks import Floats
from qconv.algorithms.rows.factor import Doubles, unit_gram
from qconv.algorithms.rows.layer_error import row_errors
from qconv.algorithms.rows.pairs import Pairs
from qconv.algorithms.rows.row_settings import RowSettings
from qconv.numerics.grids import QuantizedRows

Flags = NDArray[np.bool_]

_STEPS = 1000
_WARM = 200
"""Steps before the regularizer."""

_STEEP, _FLAT = 20.0, 2.0
"""Its exponent at first and at last."""

_WEIGHT = 1.0
"""Its weight beside errors in units of the scale squared: 0.01 and 0.1 were clearly worse."""

_LOW, _HIGH = np.float32(-0.1), np.float32(1.1)
"""Where the stretched sigmoid begins and ends; it is cut to [0, 1], so that it gets to both."""

_RATE, _MEAN, _SQUARE, _TINY = 0.01, 0.9, 0.999, 1e-8
"""Those of Adam, arXiv 1412.6980."""

_ELEMENTS = 1 << 16
"""Weights that are worked on at a time, so that arrays stay in the cache."""

_ROWS = 256
"""But so many rows where they are long: products of fewer read the Gram matrix too often."""

_MOST = 3 << 18
"""Weights at a time at most: some 20 arrays of 4 bytes each take 63 MB."""


def adaround(
    rows: Floats,
    start: QuantizedRows,
    settings: RowSettings,
    gram: Doubles,
    pairs: Pairs | None = None,
) -> QuantizedRows:
    """Return levels of less ``tr(D H D^T)``, each next to its weight; scales stay as they are.

    ``start`` are the levels nearest to ``rows [R, K]``; a row that they suit better keeps them.
    Rows are in groups, one for each matrix of ``gram [G, K, K]``. ``pairs`` limits levels whose
    products are added in 16 bits: those that might exceed it together stay where they start.
    """
    groups, columns, _ = gram.shape
    levels = start.levels.copy()
    weights, scale, zero_point, better = (
        array.reshape(groups, -1, array.shape[1])
        for array in (rows, start.scale, start.zero_point, levels)
    )
    step = max(1, _ELEMENTS // columns**2)
    for first in range(0, groups, step):
        unit = unit_gram(gram[first : first + step])
        width = columns * len(unit)
        count = max(1, _ELEMENTS // width, min(_ROWS, _MOST // width))
        for begin in range(0, weights.shape[1], count):
            part = np.s_[first : first + step, begin : begin + count]
            nearest = QuantizedRows(better[part], scale[part], zero_point[part], start.block)
            better[part] = _better_levels(weights[part], nearest, settings, unit, pairs)
    return QuantizedRows(levels, start.scale, start.zero_point, start.block)


def _better_levels(
    rows: Floats,
    start: QuantizedRows,
    settings: RowSettings,
    gram: Doubles,
    pairs: Pairs | None,
) -> Floats:
    """Return levels ``[G, N, K]`` for ``rows`` of that shape, no worse than those of ``start``."""
    columns = rows.shape[2]
    step, zero = (
        np.repeat(array, start.block, axis=2)[..., :columns]
        for array in (start.scale, start.zero_point)
    )
    weights, nearest = rows / step, start.levels - zero
    grid = settings.grid
    lower = np.clip(np.floor(weights), grid.low - zero, grid.high - 1 - zero)
    fixed = np.zeros(rows.shape, np.bool_) if pairs is None else pairs.near_limit(lower)
    share = np.clip(np.where(fixed, nearest, weights) - lower, 0, 1)
    ratio = step / start.scale.mean(axis=2, keepdims=True)
    found = lower + _rise(weights - lower, share, fixed, ratio, gram.astype(np.float32))
    before, after = (
        row_errors((integers * step - rows).reshape(-1, columns), gram)
        for integers in (nearest, found)
    )
    better = (after < before).reshape(*rows.shape[:2], 1)
    return np.where(better, found + zero, start.levels)


def _rise(residue: Floats, share: Floats, fixed: Flags, ratio: Floats, gram: Floats) -> Flags:
    """Return which weights ``[G, N, K]`` go up: equations 21 to 25, with H for the inputs.

    Args:
        residue: how far each weight lies above its lower level, in units of its scale.
        share: how much of the way up it goes at first, 0 to 1.
        fixed: which stay there.
        ratio: scales in units of their mean over the row, which errors are in, too.
        gram: H ``[G, K, K]``, with a mean diagonal of 1.
    """
    cut = (share - _LOW) / (_HIGH - _LOW)
    logit = np.log(cut / (1 - cut))
    mean, square = np.zeros_like(logit), np.zeros_like(logit)
    for step in range(1, _STEPS + 1):
        sigmoid: Floats = (1 / (1 + np.exp(-logit))).astype(np.float32, copy=False)
        stretched = sigmoid * (_HIGH - _LOW) + _LOW
        up: Floats = np.clip(stretched, np.float32(0), np.float32(1))
        slope = 2 * ratio * (((up - residue) * ratio) @ gram)
        if step > _WARM:
            left = (_STEPS - step) / (_STEPS - _WARM)
            slope += _regularizer_slope(2 * up - 1, _FLAT + (_STEEP - _FLAT) * left)
        slope *= sigmoid * (1 - sigmoid) * (_HIGH - _LOW)
        slope[fixed | (up != stretched)] = 0
        mean += (1 - _MEAN) * (slope - mean)
        square += (1 - _SQUARE) * (slope * slope - square)
        rate = _RATE / (1 - _MEAN**step)
        logit -= rate * mean / (np.sqrt(square / (1 - _SQUARE**step)) + _TINY)
    return logit >= 0


def _regularizer_slope(centred: Floats, exponent: float) -> Floats:
    """Return that of ``1 - |2 h - 1| ^ b``, equation 24, times its weight; ``2 h - 1`` is given."""
    steepness = np.float32(-2 * _WEIGHT * exponent)
    return np.copysign(np.abs(centred) ** np.float32(exponent - 1), centred) * steepness
