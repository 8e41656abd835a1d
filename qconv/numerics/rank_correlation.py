"""How alike two orders are; NumPy only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def spearman(first: Floats, second: Floats) -> float:
    """Return the rank correlation of ``[n]`` and ``[n]``, -1 to 1; equal numbers share a rank.

    Pearson's correlation of the ranks (Spearman 1904); nan where one of them is constant or has
    NaN.
    """
    if np.isnan(first).any() or np.isnan(second).any():
        return math.nan
    left, right = _ranks(first), _ranks(second)
    left, right = left - left.mean(), right - right.mean()
    scale = math.sqrt(float(left @ left)) * math.sqrt(float(right @ right))
    return float(left @ right) / scale if scale else math.nan


def pair_cosines(vectors: NDArray[np.generic]) -> Floats:
    """Return the cosine similarity of each pair of ``[n, width]``: ``[n (n - 1) / 2]``."""
    rows = vectors.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    cosines: Floats = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return cosines


def _ranks(numbers: Floats) -> Floats:
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2)[place]
    return ranks
