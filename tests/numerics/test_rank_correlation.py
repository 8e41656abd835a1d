"""Rank correlation and cosines of pairs, beside SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from qconv.numerics.rank_correlation import pair_cosines, spearman


@pytest.mark.parametrize("seed", range(20))
def test_ranks_with_ties(seed: int) -> None:
    r = np.random.default_rng(seed)
    first, second = r.integers(0, 9, (2, 40)).astype(np.float64)
    assert spearman(first, second) == pytest.approx(spearmanr(first, second)[0], abs=1e-12)


def test_cosines() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 7)).astype(np.float32)
    assert pair_cosines(vectors) == pytest.approx(1 - pdist(vectors, "cosine"), abs=1e-6)


def test_no_order_at_all() -> None:
    constant, numbers = np.ones(5), np.arange(5.0)
    assert math.isnan(spearman(constant, numbers))
    assert math.isnan(spearman(numbers, np.array([1, 2, np.nan, 3, 4])))
    assert pair_cosines(np.zeros((3, 4))).tolist() == [0, 0, 0]
