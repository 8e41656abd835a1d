"""Scale and zero point, and rounding to them and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.numerics.affine import affine_params, dequantize, quantize, row_scales
from qconv.numerics.number_types import INT8, UINT8
from qconv.numerics.schemes import PerAxis, PerTensor, QParams, Scheme

BYTES = Scheme(UINT8, symmetric=False, granularity=PerTensor())
SIGNED = Scheme(INT8, symmetric=True, granularity=PerTensor())
ROWS = Scheme(INT8, symmetric=True, granularity=PerAxis(0))

magnitudes = st.floats(0, 1e6, width=32).map(lambda number: number if number > 1e-12 else 0.0)
limits = st.tuples(magnitudes.map(lambda number: -number), magnitudes)


def numbers_of(params: QParams) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the smallest and the largest number that the parameters can hold."""
    dtype = params.scheme.dtype
    return dequantize(np.array([dtype.qmin, dtype.qmax], dtype.numpy), params)


@given(limits)
def test_a_range_is_covered_and_zero_is_exact(span: tuple[float, float]) -> None:
    for scheme in (BYTES, SIGNED):
        params = affine_params(*span, scheme)
        low, high = numbers_of(params)
        step = float(params.scale)
        assert low <= span[0] + 0.51 * step
        assert high >= span[1] - 0.51 * step
        assert dequantize(quantize(np.zeros(1), params), params) == 0


@given(limits, st.lists(st.floats(0, 1), min_size=1))
def test_rounding_is_off_by_half_a_step_at_most(
    span: tuple[float, float], parts: list[float]
) -> None:
    params = affine_params(*span, BYTES)
    low, high = numbers_of(params)
    array = low + (high - low) * np.array(parts)
    error = np.abs(dequantize(quantize(array, params), params) - array)
    assert error.max() <= 0.501 * float(params.scale)


@given(limits, limits)
def test_nothing_lies_outside_the_bounds(
    span: tuple[float, float], bounds: tuple[float, float]
) -> None:
    params = affine_params(*span, BYTES, bounds)
    low, high = numbers_of(params)
    assert bounds[0] <= low <= 0 <= high <= bounds[1]
    wanted = max(span[0], bounds[0]), min(span[1], bounds[1])
    step = (wanted[1] - wanted[0]) / 255
    assert low - wanted[0] <= 1.001 * step
    assert wanted[1] - high <= 1.001 * step


@pytest.mark.parametrize("high", [6.0, 1.0, 0.1, 1 / 3, 2.7182817, 1e-5, 12345.678])
def test_a_clip_from_zero_keeps_its_zero_point_and_its_full_range(high: float) -> None:
    params = affine_params(0, 2 * high, BYTES, (0.0, float(np.float32(high))))
    assert params.zero_point == 0
    assert numbers_of(params)[1] == pytest.approx(high, rel=1e-6)


def test_a_relu_bounds_below_only() -> None:
    params = affine_params(-3, 5.1, BYTES, (0.0, math.inf))
    assert params.zero_point == 0
    assert float(params.scale) == pytest.approx(0.02)


def test_a_range_that_leaves_out_zero_is_widened() -> None:
    assert numbers_of(affine_params(2, 5.1, BYTES)).tolist() == pytest.approx([0, 5.1])
    assert numbers_of(affine_params(-5.1, -2, BYTES)).tolist() == pytest.approx([-5.1, 0])


def test_a_dead_value_has_a_scale_all_the_same() -> None:
    for scheme in (BYTES, SIGNED):
        assert float(affine_params(0, 0, scheme).scale) == 1
    assert float(affine_params(0, 1e-30, BYTES).scale) > 0


@pytest.mark.parametrize(
    "span", [(1.0, 0.0), (math.nan, 1.0), (0.0, math.inf), (-math.inf, 0.0), (0.0, math.nan)]
)
def test_what_is_no_range(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="not a range"):
        affine_params(*span, BYTES)


def test_rounding_is_half_to_even_and_saturates() -> None:
    params = QParams(BYTES, np.float32(1), np.uint8(10))  # type: ignore[arg-type]
    array = np.array([-20, -10.4, 0.5, 1.5, 2.5, 300])
    assert quantize(array, params).tolist() == [0, 0, 10, 12, 12, 255]
    assert quantize(array, params).dtype == np.uint8


def test_each_channel_has_its_scale() -> None:
    weight = np.array([[0, 0], [1.27, -0.5], [0.1, -2.54]])
    scale = row_scales(weight, 127)
    assert scale.tolist() == pytest.approx([1, 0.01, 0.02])
    params = QParams(ROWS, scale, np.zeros(3, np.int8))
    assert quantize(weight, params).tolist() == [[0, 0], [127, -50], [5, -127]]
    np.testing.assert_allclose(dequantize(quantize(weight, params), params), weight, atol=0.01)


@given(st.floats(-1e20, 1e20), st.floats(1e-15, 1e10))
def test_products_of_scales_are_normal_numbers(low: float, size: float) -> None:
    scale = affine_params(min(low, 0), abs(low), BYTES).scale
    weights = row_scales(np.full((1, 1), size), 127)
    product = scale * weights
    assert np.isfinite(product).all()
    assert (product >= np.finfo(np.float32).tiny).all()
