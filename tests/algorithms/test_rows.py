"""Rounding of rows: laws of every method, and known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qconv.algorithms.rows import Method, RowSettings, adaround, quantize_rows
from qconv.algorithms.rows.layer_error import layer_error, row_errors
from qconv.numerics.grids import QuantizedRows, dequantize_rows
from qconv.numerics.schemes import PerBlock, PerTensor
from qconv.numerics.stored import STORED_TYPES

Floats = NDArray[np.float32]

METHODS: tuple[Method, ...] = ("rtn", "mse", "hqq", "gptq")
TYPES = tuple(STORED_TYPES)
INTEGERS = tuple(name for name in TYPES if name not in ("ternary", "binary") and "fp8" not in name)


def _settings(dtype: str, method: Method, block: int = 16, *, shared: bool = False) -> RowSettings:
    stored = STORED_TYPES[dtype]
    granularity = PerTensor() if shared else PerBlock(block)
    return RowSettings(stored.grid, granularity, stored.signed, method)


def _rows(seed: int, rows: int, columns: int) -> Floats:
    random = np.random.default_rng(seed)
    spread = 10.0 ** random.uniform(-3, 3, (rows, 1))
    return (random.standard_normal((rows, columns)) * spread).astype(np.float32)


def _gram(seed: int, columns: int, groups: int = 1) -> NDArray[np.float64]:
    """Return second moments of correlated inputs whose strengths differ widely."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((groups, columns, columns)) / np.sqrt(columns)
    mixing += np.eye(columns)
    mixing *= 10.0 ** random.uniform(-1, 1, (groups, 1, columns))
    inputs = random.standard_normal((groups, 4 * columns, columns)) @ mixing
    gram: NDArray[np.float64] = np.matmul(inputs.transpose(0, 2, 1), inputs) / inputs.shape[1]
    return gram


def _squared(rows: Floats, found: QuantizedRows) -> float:
    return float(((dequantize_rows(found) - rows) ** 2).sum())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from(TYPES),
    method=st.sampled_from(METHODS),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 50)),
    block=st.sampled_from([16, 32, 64]),
    shared=st.booleans(),
)
def test_levels_lie_on_the_grid_and_scales_are_positive(
    seed: int, dtype: str, method: Method, shape: tuple[int, int], block: int, shared: bool
) -> None:
    rows, stored = _rows(seed, *shape), STORED_TYPES[dtype]
    gram = _gram(seed, shape[1]) if method == "gptq" else None
    wanted = _settings(dtype, method, shape[1] if shared else block, shared=shared)
    found = quantize_rows(rows, wanted, gram)
    assert set(np.unique(found.levels).tolist()) <= set(stored.grid.levels)
    assert (found.scale > 0).all()
    assert np.isfinite(dequantize_rows(found)).all()
    if stored.signed:
        assert not found.zero_point.any()
    if shared:
        assert len(np.unique(found.scale)) == 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), dtype=st.sampled_from(TYPES), power=st.integers(-8, 8))
def test_weights_twice_as_large_get_scales_twice_as_large(
    seed: int, dtype: str, power: int
) -> None:
    rows = _rows(seed, 3, 40)
    for method in METHODS[:3]:
        one = quantize_rows(rows, _settings(dtype, method), None)
        other = quantize_rows(rows * np.float32(2.0**power), _settings(dtype, method), None)
        assert np.array_equal(one.levels, other.levels)
        assert np.allclose(one.scale * 2.0**power, other.scale, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), dtype=st.sampled_from(INTEGERS))
def test_rounding_to_nearest_is_off_by_half_a_step_at_most(seed: int, dtype: str) -> None:
    stored, rows = STORED_TYPES[dtype], _rows(seed, 3, 40)
    found = quantize_rows(rows, _settings(dtype, "rtn"), None)
    steps = np.repeat(found.scale, 16, axis=1)[:, :40]
    half = 0.5 if stored.signed else 1.0  # a zero point is rounded, too
    clipped = stored.signed & (rows > steps * stored.grid.high)
    error = np.abs(dequantize_rows(found) - rows)
    assert (error <= (half + 1e-3) * steps + clipped * steps).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_the_search_is_never_worse_than_the_range(dtype: str) -> None:
    for seed in range(5):
        rows = _rows(seed, 4, 70)
        nearest = quantize_rows(rows, _settings(dtype, "rtn", 32), None)
        searched = quantize_rows(rows, _settings(dtype, "mse", 32), None)
        assert _squared(rows, searched) <= _squared(rows, nearest) * (1 + 1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int4", "uint4", "int3", "int2", "ternary", "binary"])
@pytest.mark.parametrize("groups", [1, 3])
def test_gptq_lowers_the_error_of_the_output(dtype: str, groups: int) -> None:
    """Against the best scales without second moments, on correlated inputs."""
    rows, gram = _rows(1, 6, 48), _gram(2, 48, groups)
    searched = quantize_rows(rows, _settings(dtype, "mse"), None)
    found = quantize_rows(rows, _settings(dtype, "gptq"), gram)
    assert layer_error(rows, found, gram) < 0.8 * layer_error(rows, searched, gram)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_gptq_is_never_worse_than_where_it_starts(seed: int) -> None:
    rows, gram = _rows(seed, 4, 24), _gram(seed + 1, 24)
    start = quantize_rows(rows, _settings("int4", "mse"), gram)
    found = quantize_rows(rows, _settings("int4", "gptq"), gram)
    assert layer_error(rows, found, gram) <= layer_error(rows, start, gram) * (1 + 1e-6)


def test_gptq_of_independent_inputs_is_rounding_to_nearest() -> None:
    """With a diagonal Gram matrix columns do not make up for each other."""
    rows, gram = _rows(3, 5, 32), np.diag(np.linspace(1, 9, 32))[None]
    wanted = _settings("int4", "gptq", 32)
    fixed = RowSettings(**{**vars(wanted), "refit": False})
    start = quantize_rows(rows, _settings("int4", "mse", 32), gram)
    found = quantize_rows(rows, fixed, gram)
    assert np.array_equal(found.levels, start.levels)
    assert np.array_equal(found.scale, start.scale)


def test_dead_inputs_and_zero_weights_do_no_harm() -> None:
    rows, gram = _rows(4, 3, 32), _gram(5, 32)
    rows[1] = 0
    gram[:, :4] = gram[:, :, :4] = 0
    found = quantize_rows(rows, _settings("int4", "gptq"), gram)
    assert np.isfinite(dequantize_rows(found)).all()
    assert not dequantize_rows(found)[1].any()
    assert (quantize_rows(rows, _settings("int4", "gptq"), 0 * gram).scale > 0).all()


def test_moments_with_negative_variances_are_solved() -> None:
    """They are what rounding leaves of inputs that hardly vary."""
    rows, gram = _rows(4, 3, 32), _gram(5, 32)
    gram[:, 7, 7], gram[:, 9, 9] = -1e-3, -0.5
    assert np.isfinite(dequantize_rows(quantize_rows(rows, _settings("int4", "gptq"), gram))).all()


def test_binary_scales_are_mean_magnitudes() -> None:
    found = quantize_rows(np.array([[1, -2, 3, -6]], np.float32), _settings("binary", "rtn"), None)
    assert found.scale.tolist() == [[3]]
    assert found.levels.tolist() == [[1, -1, 1, -1]]


def test_ternary_scales_are_those_of_twn() -> None:
    """0.7 times the mean magnitude 3 is the threshold; 4 and 6 lie above it."""
    rows = np.array([[1, -1, 4, -6]], np.float32)
    found = quantize_rows(rows, _settings("ternary", "rtn"), None)
    assert found.scale.tolist() == [[5]]
    assert found.levels.tolist() == [[0, 0, 1, -1]]


def test_half_quadratic_scales_lower_the_sum_of_rooted_errors() -> None:
    """Row by row no worse than rounding to nearest, and better on the whole."""
    rows = _rows(8, 20, 32)
    rows[:5, 0] *= 10

    def loss(method: Method) -> NDArray[np.float64]:
        found = dequantize_rows(quantize_rows(rows, _settings("int4", method, 32), None))
        errors = np.abs(found - rows).astype(np.float64) / np.abs(rows).max(axis=1, keepdims=True)
        total: NDArray[np.float64] = (errors**0.7).sum(axis=1)
        return total

    found, nearest = loss("hqq"), loss("rtn")
    assert (found <= nearest * (1 + 1e-5)).all()
    assert found.sum() < 0.98 * nearest.sum()


def test_the_error_is_that_of_the_outputs() -> None:
    """Against the outputs of float64 products, group by group."""
    random = np.random.default_rng(6)
    rows = random.standard_normal((4, 16)).astype(np.float32)
    inputs = random.standard_normal((2, 50, 16))
    gram = inputs.swapaxes(1, 2) @ inputs
    found = quantize_rows(rows, _settings("int4", "rtn"), None)
    difference = (dequantize_rows(found) - rows).reshape(2, 2, 16)
    expected = np.square(inputs @ difference.swapaxes(1, 2)).sum()
    assert layer_error(rows, found, gram) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("block", [16, 48])
def test_adaround_lowers_the_error_of_the_output(dtype: str, groups: int, block: int) -> None:
    """Against rounding to nearest with the same scales, on strongly correlated inputs."""
    random = np.random.default_rng(1)
    rows = random.standard_normal((6, 48)).astype(np.float32)
    mixing = random.standard_normal((groups, 48, 6))
    gram = mixing @ mixing.swapaxes(1, 2) + 0.1 * np.eye(48)
    start = quantize_rows(rows, _settings(dtype, "mse", block), gram)
    found = quantize_rows(rows, _settings(dtype, "adaround", block), gram)
    assert layer_error(rows, found, gram) < 0.8 * layer_error(rows, start, gram)
    assert np.array_equal(found.scale, start.scale)
    assert np.array_equal(found.zero_point, start.zero_point)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from(INTEGERS),
    groups=st.sampled_from([1, 2, 4]),
    shared=st.booleans(),
)
def test_adaround_goes_to_a_neighbour_and_no_row_gets_worse(
    seed: int, dtype: str, groups: int, shared: bool
) -> None:
    rows, gram = _rows(seed, 4, 40), _gram(seed + 1, 40, groups)
    block = 40 if shared else 16
    start = quantize_rows(rows, _settings(dtype, "mse", block, shared=shared), gram)
    found = quantize_rows(rows, _settings(dtype, "adaround", block, shared=shared), gram)
    assert set(np.unique(found.levels).tolist()) <= set(STORED_TYPES[dtype].grid.levels)
    assert np.abs(found.levels - start.levels).max() <= 1
    before, after = (row_errors(dequantize_rows(each) - rows, gram) for each in (start, found))
    assert (after <= before * (1 + 1e-6)).all()


def test_adaround_gives_the_same_levels_again() -> None:
    rows, gram = _rows(1, 80, 64), _gram(2, 64)
    one, other = (quantize_rows(rows, _settings("int4", "adaround"), gram) for _ in range(2))
    assert np.array_equal(one.levels, other.levels)


def test_adaround_takes_enough_long_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of few rows read the Gram matrix too often; those of all take too much memory."""
    rows, gram = _rows(1, 300, 512), np.eye(512)[None]
    rise, counts = adaround._rise, []

    def counted(residue: Floats, *others: Any) -> NDArray[np.bool_]:
        counts.append(residue.shape[1])
        return rise(residue, *others)

    monkeypatch.setattr(adaround, "_STEPS", 1)
    monkeypatch.setattr(adaround, "_rise", counted)
    quantize_rows(rows, _settings("int4", "adaround"), gram)
    monkeypatch.setattr(adaround, "_ELEMENTS", 1)
    monkeypatch.setattr(adaround, "_MOST", 100 * 512)
    quantize_rows(rows, _settings("int4", "adaround"), gram)
    assert counts == [256, 44, 100, 100, 100]


def test_adaround_of_independent_inputs_is_rounding_to_nearest() -> None:
    rows, gram = _rows(3, 5, 32), np.diag(np.linspace(1, 9, 32))[None]
    start = quantize_rows(rows, _settings("int4", "mse", 32), gram)
    found = quantize_rows(rows, _settings("int4", "adaround", 32), gram)
    assert np.array_equal(found.levels, start.levels)


def test_adaround_leaves_dead_inputs_and_zero_weights_alone() -> None:
    rows, gram = _rows(4, 3, 32), _gram(5, 32)
    rows[1] = 0
    gram[:, :4] = gram[:, :, :4] = 0
    start = quantize_rows(rows, _settings("int4", "mse"), gram)
    found = quantize_rows(rows, _settings("int4", "adaround"), gram)
    assert np.array_equal(found.levels[:, :4], start.levels[:, :4])
    assert not found.levels[1].any()
    dead = quantize_rows(rows, _settings("int4", "adaround"), 0 * gram)
    assert np.array_equal(dead.levels, quantize_rows(rows, _settings("int4", "mse"), None).levels)


def test_adaround_is_for_integers() -> None:
    for dtype in ("binary", "fp8e4m3"):
        with pytest.raises(ValueError, match="adaround goes up or down to integers"):
            _settings(dtype, "adaround")


@pytest.mark.parametrize("method", ["gptq", "adaround"])
def test_solvers_want_second_moments_that_fit(method: Method) -> None:
    rows = _rows(0, 4, 16)
    with pytest.raises(ValueError, match=f"{method} needs the Gram matrix"):
        quantize_rows(rows, _settings("int4", method), None)
    with pytest.raises(ValueError, match="do not fit rows"):
        quantize_rows(rows, _settings("int4", method), _gram(0, 15))
    with pytest.raises(ValueError, match="do not fit rows"):
        quantize_rows(rows, _settings("int4", method), _gram(0, 16, 3))
