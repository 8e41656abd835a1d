"""AWQ: scale the inputs of products so that weights of strong inputs are rounded more finely.

Lin et al., "AWQ: Activation-aware Weight Quantization", arXiv 2306.00978, equations 4 and 5:
``s = a ** alpha`` with the mean magnitude ``a [K]`` of each input, and alpha on a grid, to lower
``|Q(W diag(s)) diag(s) ** -1 X - W X|``. Second moments stand in for the data: ``a`` is the root
mean square, and the error is ``tr(D H D^T)``, so nothing is run again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows import RowSettings, quantize_rows
from qconv.algorithms.rows.layer_error import layer_error

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_STEPS = 20


def search_input_scale(
    rows: Sequence[Floats], moment: Doubles, settings: RowSettings
) -> Floats | None:
    """Return the scale ``[K]`` that lowers the error of all layers together, or None for 1.

    ``rows`` are the weights ``[R, K]`` of layers that read inputs with the second moment
    ``moment [K, K]``.
    """
    strength = np.sqrt(np.diagonal(moment))
    alive = strength > 0
    if not alive.any():
        return None
    strength = np.where(alive, strength, strength[alive].min())
    best: Floats | None = None
    least = _error(rows, np.ones(len(strength)), moment, settings)
    for alpha in np.arange(1, _STEPS) / _STEPS:
        scale = strength**alpha
        scale /= np.sqrt(scale.max() * scale.min())
        error = _error(rows, scale, moment, settings)
        if error < least:
            best, least = scale.astype(np.float32), error
    return best


def _error(rows: Sequence[Floats], scale: Doubles, moment: Doubles, settings: RowSettings) -> float:
    """Return ``sum tr(D H D^T)`` with ``D = Q(W diag(s)) diag(s) ** -1 - W``."""
    scaled_moment = (moment / np.outer(scale, scale))[None]
    total = 0.0
    for weight in rows:
        scaled = (weight * scale).astype(np.float32)
        found = quantize_rows(scaled, settings, None)
        total += layer_error(scaled, found, scaled_moment)
    return total
