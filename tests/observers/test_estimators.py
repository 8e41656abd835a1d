"""Ranges that the methods read from statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from qconv.errors import RecordError
from qconv.observers.distribution import Distribution, Floats, Response
from qconv.observers.estimators import Method, estimate_range, percentile_range
from qconv.observers.least_error import harmless_range, squared_errors
from qconv.observers.value import ValueStatistics

METHODS: tuple[Method, ...] = ("minmax", "percentile", "entropy", "mse", "clip")
arrays = hnp.arrays(np.float32, st.integers(2, 200), elements=st.floats(-1e4, 1e4, width=32))


def _statistics(data: NDArray[np.floating]) -> ValueStatistics:
    statistics = ValueStatistics()
    statistics.update(data.astype(np.float32)[None], None, histogram=True)
    return statistics


def _response(distribution: Distribution, function: Callable[[Floats], Floats]) -> Response:
    points, around = distribution.points, 1e-3
    slopes = (function(points + around) - function(points - around)) / (2 * around)
    grid = np.linspace(distribution.low, distribution.high, 500)
    return Response(function(points), slopes, grid, function(grid))


def _silu(numbers: Floats) -> Floats:
    gated: Floats = numbers / (1 + np.exp(-numbers))
    return gated


def _normal(count: int = 200_000) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=count)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30)
@given(data=arrays)
def test_every_range_holds_zero_and_stays_within_the_data(
    method: Method, data: NDArray[np.float32]
) -> None:
    low, high = estimate_range(_statistics(data), method, 99.99)
    assert min(float(data.min()), 0.0) <= low <= 0.0 <= high <= max(float(data.max()), 0.0)


def test_minmax_is_exact() -> None:
    data = np.array([-1.2345678, 0.5, 3.3333333])
    low, high = estimate_range(_statistics(data), "minmax", 99.99)
    assert (low, high) == (float(np.float32(-1.2345678)), float(np.float32(3.3333333)))


def test_percentile_leaves_out_its_share() -> None:
    data = _normal()
    low, high = percentile_range(Distribution.of(_statistics(data)), 99.0)
    outside = ((data < low) | (data > high)).mean()
    assert outside == pytest.approx(0.01, rel=0.15)
    full = percentile_range(Distribution.of(_statistics(data)), 100.0)
    np.testing.assert_allclose(full, (data.min(), data.max()), rtol=1e-6)


def test_percentile_of_one_sided_data_clips_one_side() -> None:
    data = np.abs(_normal())
    low, high = percentile_range(Distribution.of(_statistics(data)), 99.0)
    assert low == 0.0
    assert (data > high).mean() == pytest.approx(0.01, rel=0.15)


def test_mse_clips_an_outlier_away() -> None:
    data = np.append(_normal(1_000_000), 60.0)
    _, high = estimate_range(_statistics(data), "mse", 0)
    assert high < 30


def test_clip_never_clips_more_than_a_ten_thousandth() -> None:
    data = np.random.default_rng(1).laplace(size=400_000) ** 3
    low, high = estimate_range(_statistics(data), "clip", 0)
    assert ((data < low * 1.01) | (data > high * 1.01)).mean() <= 1.05e-4
    assert high < data.max()


@pytest.mark.parametrize("limits", [(-4.0, 4.0), (-1.0, 2.0), (-8.0, 1.5)])
def test_squared_errors_are_those_of_real_quantization(limits: tuple[float, float]) -> None:
    data = _normal()
    low, high = limits
    step = (high - low) / 255
    zero = round(-low / step)
    steps = np.clip(np.rint(data / step) + zero, 0, 255)
    real = ((data - step * (steps - zero)) ** 2).mean()
    distribution = Distribution.of(_statistics(data))
    response = distribution.as_it_is
    predicted = squared_errors(distribution, response, np.array([low]), np.array([high]))[0]
    assert predicted == pytest.approx(real, rel=0.03)


@pytest.mark.parametrize("limits", [(-4.0, 4.0), (-1.0, 2.0), (-8.0, 1.5)])
def test_squared_errors_behind_a_gate_are_those_of_real_quantization(
    limits: tuple[float, float],
) -> None:
    data = 2 * _normal()
    low, high = limits
    step = (high - low) / 255
    zero = round(-low / step)
    rounded = step * (np.clip(np.rint(data / step) + zero, 0, 255) - zero)
    real = ((_silu(data) - _silu(rounded)) ** 2).mean()
    distribution = Distribution.of(_statistics(data))
    response = _response(distribution, _silu)
    predicted = squared_errors(distribution, response, np.array([low]), np.array([high]))[0]
    assert predicted == pytest.approx(real, rel=0.03)


@pytest.mark.parametrize("method", ["minmax", "clip", "mse"])
def test_a_gate_frees_the_levels_of_what_it_erases(method: Method) -> None:
    data = np.concatenate([-60 * np.abs(_normal()), 2 + _normal()])
    statistics = _statistics(data)
    response = _response(Distribution.of(statistics), _silu)
    low, high = estimate_range(statistics, method, 0, [response])
    assert -16 < low < -3
    assert high > (4.5 if method == "mse" else 5.5)
    assert low > estimate_range(statistics, method, 0)[0]


def test_what_is_lost_on_a_gate_changes_it_by_less_than_a_level() -> None:
    data = 20 * _normal()
    distribution = Distribution.of(_statistics(data))
    low, high = harmless_range(distribution, [_response(distribution, _silu)])
    level = np.ptp(_silu(data)) / 255
    assert np.abs(_silu(data) - _silu(np.clip(data, low, high))).max() < 1.3 * level
    assert low > -10
    assert high > 0.95 * data.max()


def test_readers_that_take_a_number_as_it_is_count_too() -> None:
    data = np.concatenate([-60 * np.abs(_normal()), 2 + _normal()])
    statistics = _statistics(data)
    distribution = Distribution.of(statistics)
    both = [_response(distribution, _silu), distribution.as_it_is]
    assert estimate_range(statistics, "minmax", 0, both)[0] < 0.9 * data.min()


def test_no_method_has_a_smaller_error_than_mse() -> None:
    data = np.random.default_rng(2).standard_t(3, size=100_000)
    statistics = _statistics(data)
    distribution = Distribution.of(statistics)
    response = distribution.as_it_is
    errors = {
        method: float(squared_errors(distribution, response, np.array([low]), np.array([high]))[0])
        for method in METHODS
        for low, high in [estimate_range(statistics, method, 99.9)]
    }
    assert min(errors, key=lambda name: errors[name]) == "mse"


def test_methods_beyond_minmax_need_a_histogram() -> None:
    statistics = ValueStatistics()
    statistics.update(np.ones((1, 4), np.float32), None, histogram=False)
    assert estimate_range(statistics, "minmax", 99.99) == (0.0, 1.0)
    with pytest.raises(RecordError, match="method 'mse' needs histograms") as caught:
        estimate_range(statistics, "mse", 99.99)
    assert caught.value.hint is not None
    assert "`statistics=histogram`" in caught.value.hint


def test_a_value_that_was_never_seen_has_no_range() -> None:
    assert estimate_range(ValueStatistics(), "clip", 99.99) == (0.0, 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_a_dead_value_is_zero(method: Method) -> None:
    assert estimate_range(_statistics(np.zeros(100)), method, 99.99) == (0.0, 0.0)
