"""Factors of rows and columns are found again behind rounding."""

from __future__ import annotations

import numpy as np
import pytest

from qconv.numerics.diagonal_fit import unscaled


@pytest.mark.parametrize("seed", range(10))
def test_factors_of_any_size(seed: int) -> None:
    r = np.random.default_rng(seed)
    exact = r.normal(size=(12, 30)) * np.exp(r.normal(size=(12, 1)))
    factors = np.exp(2 * r.normal(size=(12, 1))) * np.exp(r.normal(size=(1, 30)))
    noise = 0.01 * np.abs(exact).max(axis=1, keepdims=True) * r.normal(size=exact.shape)
    found = unscaled(exact, (exact + noise) * factors)
    error = np.square(found - exact).sum() / np.square(noise).sum()
    assert 0.5 < error < 1.5


def test_without_factors_nothing_changes() -> None:
    exact = np.random.default_rng(0).normal(size=(6, 9))
    assert unscaled(exact, exact) == pytest.approx(exact)
    assert unscaled(exact, np.zeros((6, 9))).tolist() == np.zeros((6, 9)).tolist()
    assert np.isfinite(unscaled(exact, -exact)).all()
