"""Grids, codes and packing of the types that weights are stored in."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from qconv.numerics.grids import BINARY, FP8_E4M3, TERNARY, Grid, integer_grid
from qconv.numerics.layouts import Layout, convolution_transpose, matrix, transposed
from qconv.numerics.number_types import INT8, INT16, UINT4, UINT8, NumberType
from qconv.numerics.packing import pack, unpack
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock, PerTensor
from qconv.numerics.stored import STORED_TYPES, StoredWeight


def _array(numbers: list[float]) -> NDArray[np.float32]:
    return np.array(numbers, np.float32)


GRIDS = {name: stored.grid for name, stored in STORED_TYPES.items()}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
@given(x=hnp.arrays(np.float32, 20, elements=st.floats(-500, 500, width=32)))
def test_no_level_is_nearer_than_the_nearest(grid: Grid, x: NDArray[np.float32]) -> None:
    levels = np.asarray(grid.levels)
    found = grid.nearest(x.copy())
    assert set(found.tolist()) <= set(grid.levels)
    least = np.abs(levels - x[:, None].astype(np.float64)).min(axis=1)
    assert np.array_equal(np.abs(found - x.astype(np.float64)), least)


def test_ties_go_to_the_even_level() -> None:
    assert integer_grid(-8, 7).nearest(_array([0.5, 1.5, -0.5, 7.5])).tolist() == [0, 2, 0, 7]
    assert TERNARY.nearest(_array([0.5, -0.5, 0.6])).tolist() == [0, 0, 1]
    assert BINARY.nearest(_array([0, -1e-9])).tolist() == [1, -1]


def test_fp8_is_that_of_ml_dtypes() -> None:
    x = np.linspace(-440, 440, 5001, dtype=np.float32)
    expected = x.astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
    assert np.array_equal(FP8_E4M3.nearest(x.copy()), expected)
    assert FP8_E4M3.nearest(_array([1e6, -1e6])).tolist() == [448, -448]


def test_a_grid_of_one_level_is_none() -> None:
    with pytest.raises(ValueError, match="not a grid"):
        integer_grid(3, 3)


@pytest.mark.parametrize("dtype", STORED_TYPES)
def test_codes_stand_for_their_levels(dtype: str) -> None:
    stored = STORED_TYPES[dtype]
    levels = np.asarray(stored.grid.levels, np.float32)
    codes = stored.codes(levels)
    assert (codes < 1 << stored.bits).all()
    assert np.array_equal(stored.values[codes], levels)


@given(
    bits=st.sampled_from([1, 2, 4, 8]),
    rows=st.integers(1, 4),
    columns=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_what_is_packed_comes_back(bits: int, rows: int, columns: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1 << bits, (rows, columns), np.uint8)
    packed = pack(codes, bits)
    assert packed.shape == (rows, -(-columns * bits // 8))
    assert np.array_equal(unpack(packed, bits, columns), codes)


def test_the_first_code_is_in_the_lowest_bits() -> None:
    assert pack(np.array([[1, 2, 3]], np.uint8), 4).tolist() == [[0x21, 0x03]]


@pytest.mark.parametrize(
    "layout",
    [
        matrix((6, 4, 3, 3), groups=2),
        matrix((2, 8, 5), axes=2),
        transposed((7, 5)),
        transposed((2, 7, 5)),
        convolution_transpose((4, 3, 2, 2), 2),
    ],
)
def test_rows_and_weight_are_one_another(layout: Layout) -> None:
    weight = np.arange(np.prod(layout.shape), dtype=np.float32).reshape(layout.shape)
    rows = layout.to_rows(weight)
    assert rows.shape == (layout.rows, layout.columns)
    assert np.array_equal(layout.from_rows(rows), weight)


def test_a_row_of_a_transposed_convolution_leads_to_one_output() -> None:
    """Of ``[I, O / groups, k]`` with 2 groups, output 0 reads the first half of the inputs."""
    weight = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)
    rows = convolution_transpose((4, 3, 2), 2).to_rows(weight)
    assert np.array_equal(rows[0], weight[:2, 0].reshape(-1))
    assert np.array_equal(rows[3], weight[2:, 0].reshape(-1))


@pytest.mark.parametrize(
    ("dtype", "low", "high", "numpy"),
    [
        (INT16, -32768, 32767, np.int16),
        (INT8, -128, 127, np.int8),
        (UINT8, 0, 255, np.uint8),
        (UINT4, 0, 15, np.uint8),
    ],
)
def test_types_know_their_integers(dtype: NumberType, low: int, high: int, numpy: type) -> None:
    assert (dtype.qmin, dtype.qmax, dtype.numpy) == (low, high, np.dtype(numpy))
    assert dtype.signed == (low < 0)
    assert dtype.grid.is_integer
    assert dtype.grid.nearest(_array([-1e6, 0.4, 1e6])).tolist() == [low, 0, high]


def test_a_block_has_columns() -> None:
    with pytest.raises(ValueError, match="at least one column"):
        PerBlock(0)


@pytest.mark.parametrize(
    ("granularity", "blocks"), [(PerTensor(), 1), (PerAxis(0), 1), (PerBlock(4), 3)]
)
@pytest.mark.parametrize("dtype", [INT8, UINT4])
def test_a_weight_is_its_levels_less_the_zero_points_times_the_scales(
    dtype: NumberType, granularity: Granularity, blocks: int
) -> None:
    random = np.random.default_rng(7)
    layout, rows = transposed((10, 6)), 1 if granularity == PerTensor() else 6
    levels = random.integers(dtype.qmin, dtype.qmax + 1, (6, 10)).astype(np.float32)
    scale = random.uniform(0.1, 3, (rows, blocks)).astype(np.float32)
    zero = random.integers(0, dtype.qmax + 1, (rows, blocks)).astype(np.float32)
    weight = StoredWeight(
        dtype,
        layout,
        granularity,
        packed=pack(dtype.codes(levels), dtype.bits),
        scale=scale,
        zero_point=None if dtype.signed else dtype.codes(zero),
    )
    spread = np.arange(10) // 4 if blocks > 1 else np.zeros(10, int)
    centred = levels - (0 if dtype.signed else zero[:, spread])
    exact = centred.astype(np.float64) * scale[:, spread].astype(np.float64)
    assert np.array_equal(weight.exact(), exact.T)
    assert np.array_equal(weight.dequantized(), (centred * scale[:, spread]).T)
    if dtype is INT8:
        assert np.array_equal(weight.integers(), levels.T.astype(np.int8))
        assert weight.integers().dtype == np.int8
