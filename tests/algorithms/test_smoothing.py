"""Factors that move the range of outlier channels into weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qconv.algorithms.saturation import fit_pairs
from qconv.algorithms.smoothing import Product, WeightGrid, predicted_error, search_smoothing
from qconv.observers.channel_ranges import ChannelRanges


def _channels(rows: np.ndarray) -> ChannelRanges:
    channels = ChannelRanges()
    channels.update(rows[None].astype(np.float32))
    return channels


def _rows(outlier: float, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((400, 32))
    rows[:, 3] *= outlier
    return rows


def _weight(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((32, 24)) / 6


FREE = WeightGrid(127, portable=False, shared=False)
GRIDS = {
    "free": FREE,
    "portable": WeightGrid(127, portable=True, shared=False),
    "six bits": WeightGrid(31, portable=False, shared=False),
    "one step": WeightGrid(127, portable=False, shared=True),
}


def _product(seed: int = 1, grid: WeightGrid = FREE) -> Product:
    return Product(_weight(seed).astype(np.float32), grid)


def _quantized(array: np.ndarray, low: float, high: float, levels: int) -> np.ndarray:
    step = (high - low) / levels
    return np.rint(array / step) * step


def _measured_error(
    rows: np.ndarray, weight: np.ndarray, factors: np.ndarray, grid: WeightGrid = FREE
) -> float:
    data, scaled = rows / factors, weight * factors[:, None]
    rounded = _quantized(data, min(data.min(), 0), max(data.max(), 0), 255)
    steps = np.abs(scaled).max(axis=0) / grid.levels
    if grid.shared:
        steps = np.full_like(steps, steps.max())
    if grid.portable:
        steps = fit_pairs(scaled.astype(np.float32).T, steps.astype(np.float32))
    product = rounded @ (np.rint(scaled / steps) * steps)
    exact = rows @ weight
    return float(np.square(product - exact).sum() / np.square(exact).sum())


@pytest.mark.parametrize(
    ("name", "outlier"),
    [(name, outlier) for name in GRIDS for outlier in (1, 10)]
    + [("free", 100), ("portable", 100), ("one step", 100)],
)
def test_the_predicted_error_is_that_of_quantized_products(name: str, outlier: float) -> None:
    rows, weight, product = _rows(outlier), _weight(), _product(1, GRIDS[name])
    for exponent in (0.3, 0.6, 0.9):
        found = search_smoothing(_channels(rows), [product], exponent)
        assert found is not None
        factors = found.factors.astype(np.float64)
        predicted = predicted_error(_channels(rows), [product], factors)
        measured = _measured_error(rows, weight, factors, GRIDS[name])
        assert predicted == pytest.approx(measured, rel=0.25)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.05, 1))
def test_the_limit_of_portable_weights_only_adds_error(seed: int, exponent: float) -> None:
    channels = _channels(_rows(20, seed))
    found = search_smoothing(channels, [_product(seed + 1)], exponent)
    assert found is not None
    factors = found.factors.astype(np.float64)
    free, limited = (
        predicted_error(channels, [_product(seed + 1, GRIDS[name])], factors)
        for name in ("free", "portable")
    )
    assert free <= limited <= free * 4


def test_an_outlier_is_worth_smoothing() -> None:
    rows, weight = _rows(50), _weight()
    found = search_smoothing(_channels(rows), [_product()], None)
    assert found is not None
    assert found.gain_db > 10
    plain = _measured_error(rows, weight, np.ones(32))
    assert _measured_error(rows, weight, found.factors) < plain / 10


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(1, 200))
def test_a_search_is_never_worse_than_any_fixed_exponent(seed: int, outlier: float) -> None:
    channels, product = _channels(_rows(outlier, seed)), _product(seed + 1)
    best = search_smoothing(channels, [product], None)
    exact = predicted_error(channels, [product], np.ones(32))
    lowest = exact if best is None else exact / 10 ** (best.gain_db / 10)
    for exponent in (0.25, 0.5, 0.75, 1.0):
        fixed = search_smoothing(channels, [product], exponent)
        assert fixed is not None
        assert lowest <= exact / 10 ** (fixed.gain_db / 10) * 1.0001


def test_many_outputs_are_judged_by_some() -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((32, 9000)).astype(np.float32)
    factors = random.uniform(0.5, 2, 32)
    steps = np.abs(weight * factors[:, None]).max(axis=0) / 127
    expected = float(np.square(steps).sum()) / 12 * float((1 / factors**2).sum())
    found = Product(weight, FREE).rounding(np.ones(32), factors)
    assert found == pytest.approx(expected, rel=0.02)


def test_channels_that_are_always_zero_are_left_alone() -> None:
    rows = _rows(10)
    rows[:, 7] = 0
    found = search_smoothing(_channels(rows), [_product()], 0.5)
    assert found is not None
    assert found.factors[7] == 1
    assert search_smoothing(_channels(np.zeros((4, 32))), [_product()], 0.5) is None
