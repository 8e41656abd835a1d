"""Finding by which factors the rows and columns of a matrix were scaled; NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 12


def unscaled(reference: NDArray[np.generic], scaled: NDArray[np.generic]) -> Floats:
    """Return ``scaled`` with the factors of its rows and columns taken out.

    The factors ``a`` and ``c`` minimize the sum over all elements of ``(s_ok - a_o r_ok c_k)^2``
    with each row divided by its length, by alternating least squares. A row or column without a
    positive factor stays as it is.

    Args:
        reference: ``[O, K]``, the matrix before.
        scaled: ``[O, K]``, the same matrix with factors, and rounded.
    """
    before, after = reference.astype(np.float64), scaled.astype(np.float64)
    lengths = np.linalg.norm(after, axis=1, keepdims=True)
    target = np.divide(after, lengths, out=np.zeros_like(after), where=lengths > 0)
    rows, columns = np.ones((len(before), 1)), np.ones((1, before.shape[1]))
    for _ in range(_ROUNDS):
        rows = _factors(target, before * columns, axis=1)
        columns = _factors(target, before * rows, axis=0)
    factors = np.where(lengths > 0, lengths, 1) * rows * columns
    found: Floats = after / factors
    return found


def _factors(target: Floats, basis: Floats, axis: int) -> Floats:
    """Return the factor of ``basis`` along the other axis that is nearest to ``target``."""
    energy = np.square(basis).sum(axis=axis, keepdims=True)
    shared = (target * basis).sum(axis=axis, keepdims=True)
    factors: Floats = np.divide(
        shared, energy, out=np.ones_like(shared), where=(energy > 0) & (shared > 0)
    )
    return factors
