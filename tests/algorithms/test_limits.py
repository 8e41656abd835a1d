"""Integers of a layer: less error than rounding to nearest, within what the kernel can add."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qconv.algorithms.input_moment import layer_moment
from qconv.algorithms.rounding import layer_rounding, round_weight
from qconv.algorithms.rows import Limits, Solver, shrunk
from qconv.algorithms.saturation import PAIR_LIMIT, kernel_order, pair_partners
from qconv.numerics.layouts import matrix
from qconv.numerics.number_types import INT4, INT8, NumberType
from qconv.numerics.schemes import PerAxis, PerTensor
from qconv.numerics.stored import StoredWeight
from qconv.observers.gram import Gram

Floats = NDArray[np.float32]


SOLVERS: tuple[Solver, ...] = ("gptq", "adaround")


def _gram(columns: int, count: int = 400, groups: int = 1) -> Gram:
    """Second moments of correlated, non-negative inputs."""
    random = np.random.default_rng(columns)
    mixed = random.normal(size=(groups, count, 3)) @ random.normal(size=(groups, 3, columns))
    noise = 0.3 * random.normal(size=(groups, count, columns))
    gram = Gram()
    gram.update(np.maximum(mixed + noise, 0).astype(np.float32))
    return gram


def _round(
    weight: Floats,
    moment: NDArray[np.float64] | None,
    solver: Solver | None = "gptq",
    *,
    dtype: NumberType = INT8,
    shared: bool = False,
    limits: Limits | None = None,
) -> StoredWeight:
    """Round ``[O, I, k...]`` for a kernel that adds pairs, unless there are other limits."""
    layout = matrix(weight.shape)
    how = layer_rounding(PerTensor() if shared else PerAxis(0), dtype, solver)
    limits = limits or Limits(order=kernel_order(weight.shape))
    return round_weight(layout.to_rows(weight), layout, how, moment, limits)


def _error(weight: Floats, found: StoredWeight, moment: NDArray[np.float64]) -> float:
    difference = found.exact() - weight
    return float(np.einsum("ok,kl,ol->", difference, moment[0], difference))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(0, 1000),
    st.sampled_from(SOLVERS),
)
def test_pairs_never_saturate(
    outputs: int, inputs: int, taps: int, seed: int, solver: Solver
) -> None:
    weight = np.random.default_rng(seed).normal(size=(outputs, inputs, taps)).astype(np.float32)
    weight = (np.sign(weight) * np.abs(weight) ** 0.1).astype(np.float32)
    moment = layer_moment([_gram(inputs * taps)], (outputs, inputs * taps), centred=False)
    levels = _round(weight, moment, solver).integers().astype(np.int64)
    kernel = np.moveaxis(levels, 1, -1).reshape(outputs, -1)
    padded = np.pad(kernel, ((0, 0), (0, kernel.shape[1] % 2)))
    for part in (np.maximum(padded, 0), np.minimum(padded, 0)):
        assert np.abs(part[:, 0::2] + part[:, 1::2]).max() <= PAIR_LIMIT
    assert np.abs(levels).max() <= 127


@pytest.mark.parametrize("dtype", [INT8, INT4], ids=str)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_second_moments_lower_the_error(dtype: NumberType, shared: bool, solver: Solver) -> None:
    weight = np.random.default_rng(1).normal(size=(12, 16)).astype(np.float32)
    limits = None if dtype == INT8 else Limits()
    moment = layer_moment([_gram(16)], weight.shape, centred=True)
    assert moment is not None
    near = _round(weight, None, None, dtype=dtype, shared=shared, limits=limits)
    best = _round(weight, moment, solver, dtype=dtype, shared=shared, limits=limits)
    assert _error(weight, best, moment) < 0.7 * _error(weight, near, moment)
    assert best.scale.size == (1 if shared else 12)
    assert np.abs(best.integers().astype(np.int64)).max() <= (127 if dtype == INT8 else 8)


def test_a_scale_that_the_bias_needs_is_kept_to() -> None:
    weight = np.random.default_rng(2).normal(size=(3, 8)).astype(np.float32)
    smallest = np.array([0, 1, 0], np.float32)
    moment = layer_moment([_gram(8)], weight.shape, centred=False)
    scale = _round(weight, moment, limits=Limits(smallest=smallest)).row_scales
    assert 1 <= scale[1] < 1.1
    assert (scale[[0, 2]] < 0.1).all()


def test_moments_that_cannot_be_used() -> None:
    gram = _gram(8)
    assert layer_moment([gram, None], (4, 8), centred=True) is None
    assert layer_moment([Gram()], (4, 8), centred=True) is None
    assert layer_moment([gram], (4, 9), centred=True) is None
    huge = Gram()
    with np.errstate(over="ignore", invalid="ignore"):
        huge.update(np.full((1, 2, 8), 1e30, np.float32))
    assert layer_moment([huge], (4, 8), centred=True) is None


def test_constant_inputs_leave_no_covariance() -> None:
    gram = Gram()
    gram.update((np.full((1, 5, 4), 1e4) + np.arange(4)).astype(np.float32))
    moment = layer_moment([gram], (4, 4), centred=True)
    assert moment is not None
    assert not moment.any()


def test_couplings_shrink_with_the_lack_of_data() -> None:
    moment = np.array([[[2.0, 1.0], [1.0, 2.0]]])
    few, many = shrunk(moment, 2), shrunk(moment, 100000)
    assert few[0, 0, 0] == many[0, 0, 0] == 2
    assert few[0, 0, 1] < 0.2
    assert many[0, 0, 1] > 0.99


def test_partners_follow_the_kernels_order() -> None:
    assert pair_partners(kernel_order((5, 4))).tolist() == [1, 0, 3, 2]
    assert pair_partners(kernel_order((5, 3))).tolist() == [1, 0, -1]
    # [I=2, k=2]: the kernel reads channels of tap 0, then of tap 1
    assert pair_partners(kernel_order((5, 2, 2))).tolist() == [2, 3, 0, 1]
