"""The Gram matrix as the couplings between columns that rounding one after another needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


_DEPENDENT = 12
"""Vectors of one sample resemble each other: this many of them are taken to count for one."""


def trust(size: int, count: int) -> float:
    """Return the share of couplings between ``size`` inputs that ``count`` vectors tell.

    ``1 / (1 + r^2)``, ``r = 12 size / count``, is measured: of four forms it loses least on images
    of EfficientNet-Lite0's calibration data that the moments have not seen, from two splits of
    them.
    """
    return 1 / (1 + (_DEPENDENT * size / max(count, 1)) ** 2)


def shrunk(moment: Doubles, count: int) -> Doubles:
    """Return ``moment [G, K, K]`` with couplings weakened by how little is known of them.

    The estimate from ``count`` vectors follows the data at hand where K is not much smaller, and
    rounding would fit its noise. Off-diagonal entries shrink towards zero, as in Ledoit and Wolf,
    "A well-conditioned estimator for large-dimensional covariance matrices" (2004), by
    :func:`trust`.
    """
    weakened: Doubles = moment * trust(moment.shape[-1], count)
    np.einsum("gkk->gk", weakened)[...] = np.diagonal(moment, axis1=1, axis2=2)
    return weakened


def unit_gram(gram: Doubles) -> Doubles:
    """Return ``gram [G, K, K]`` with a mean diagonal of 1 in each group; zeros stay."""
    mean = np.diagonal(gram, axis1=1, axis2=2).mean(axis=-1)
    unit: Doubles = gram / np.where(mean > 0, mean, 1)[:, None, None]
    return unit


def damped(gram: Doubles, damping: float) -> Doubles:
    """Return ``gram`` with ``damping`` added to its diagonal, at least 1 where an input is dead."""
    result = gram.copy()
    diagonal = np.einsum("gkk->gk", result)
    diagonal[...] = _damped_diagonal(diagonal, damping)
    return result


def _damped_diagonal(diagonal: Doubles, damping: float) -> Doubles:
    return np.where(diagonal > 0, diagonal + damping, max(damping, 1.0))


def triangular_coupling(gram: Doubles, damping: float) -> NDArray[np.float32]:
    """Return the coupling ``[G, K, K]``, lower triangular without diagonal, that makes GPTQ.

    With ``H = R R^T`` and R upper triangular, ``tr(D H D^T) = |D R|^2``, and column j of D R
    holds ``R_jj (D_j + sum_{i<j} D_i R_ij / R_jj)``: what column j has to make up for. This
    is GPTQ, arXiv 2210.17323, equation 3, with ``H^-1 = U^T U``, ``U = R^-1``, without an
    inverse. ``gram`` is in units of its mean diagonal, and is overwritten; damping grows until it
    is regular.
    """
    diagonal = np.einsum("gkk->gk", gram)
    exact = diagonal.copy()
    while True:
        diagonal[...] = _damped_diagonal(exact, damping)
        try:
            lower = np.linalg.cholesky(gram[:, ::-1, ::-1])
            break
        except np.linalg.LinAlgError:
            damping = max(10 * damping, 1e-4)
    upper = lower[:, ::-1, ::-1]
    upper /= np.diagonal(upper, axis1=1, axis2=2)[:, None, :].copy()
    return np.triu(upper.astype(np.float32), 1).swapaxes(1, 2)


def full_coupling(gram: Doubles) -> NDArray[np.float32]:
    """Return ``H_ji / H_jj`` ``[G, K, K]`` without diagonal: that of coordinate descent.

    A column rounded to ``w_j - sum_i H_ji / H_jj error_i`` has the best level, given the
    others: QuantEase, arXiv 2309.01885, equation 7. Dead inputs are coupled to nothing.
    """
    diagonal = np.diagonal(gram, axis1=1, axis2=2)
    alive = diagonal > 0
    coupling = (gram * (alive / np.where(alive, diagonal, 1))[:, :, None]).astype(np.float32)
    np.einsum("gkk->gk", coupling)[...] = 0
    return coupling
