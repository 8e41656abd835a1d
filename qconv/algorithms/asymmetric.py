"""Asymmetric calibration: weights that make up for what the quantized layers before them changed.

Li et al., "GPTAQ: Efficient Finetuning-Free Quantization for Asymmetric Calibration", arXiv
2504.02692: a layer that reads ``x'`` in the quantized model, where it read ``x`` in the float
one, is to give ``W x``. The weight of least ``E|W x - V x'|^2`` is
``V = W + W E[(x - x') x'^T] E[x' x'^T]^-1``, which is what is rounded then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows.factor import damped, trust, unit_gram
from qconv.numerics.threads import on_one_blas_thread

Doubles = NDArray[np.float64]

_STRENGTH = 0.5
"""Share of the way to V: measured, since moments of few samples overstate what can be made up."""
_DAMPING = 0.01


@on_one_blas_thread
def compensated(
    rows: NDArray[np.float32], moment: Doubles, drift: Doubles, count: int
) -> NDArray[np.float32]:
    """Return the rows to round in the place of ``rows [O, K]``, which are in G equal groups.

    Args:
        rows: the weight.
        moment: second moment of ``x'`` ``[G, K, K]``, with what few vectors do not tell taken out.
        drift: ``E[(x - x') x'^T]`` ``[G, K, K]``.
        count: vectors that both were estimated from.
    """
    groups, size, _ = moment.shape
    grouped = rows.reshape(groups, -1, size).astype(np.float64)
    strength = np.diagonal(moment, axis1=1, axis2=2).mean(axis=1)
    toward = grouped @ drift / np.where(strength > 0, strength, 1)[:, None, None]
    regular = damped(unit_gram(moment), _DAMPING)
    solved = np.linalg.solve(regular, toward.swapaxes(1, 2)).swapaxes(1, 2)
    moved = grouped + _STRENGTH * trust(size, count) * solved
    return moved.reshape(rows.shape).astype(np.float32)
