"""Second moments of what layers read, and the vectors that they are taken from."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from qconv.numerics.patches import patch_vectors, row_vectors
from qconv.numerics.windows import Windows
from qconv.observers.gram import GatheredGram, Gram
from qconv.observers.paired_moments import PairedMoments

Floats = NDArray[np.float32]


def _vectors(seed: int, count: int) -> Floats:
    return np.random.default_rng(seed).normal(1, 2, (2, count, 5)).astype(np.float32)


def _gram(*parts: Floats) -> Gram:
    gram = Gram()
    for part in parts:
        gram.update(part)
    return gram


@given(seed=st.integers(0, 999), sizes=st.tuples(*[st.integers(1, 9)] * 3))
def test_parts_merge_to_the_whole(seed: int, sizes: tuple[int, int, int]) -> None:
    parts = [_vectors(seed + i, size) for i, size in enumerate(sizes)]
    whole = _gram(np.concatenate(parts, axis=1))
    merged = Gram()
    for part in reversed(parts):
        merged.merge(_gram(part))
    assert merged.count == whole.count == sum(sizes)
    assert np.allclose(merged.means(), whole.means(), rtol=1e-5, atol=1e-6)
    assert np.allclose(merged.centred(), whole.centred(), rtol=1e-4, atol=1e-4)


def test_moments_are_those_of_the_vectors() -> None:
    x = _vectors(0, 400).astype(np.float64)
    gram = _gram(x.astype(np.float32))
    assert np.allclose(gram.means(), x.mean(axis=1), rtol=1e-6)
    for group in range(2):
        covariance = np.cov(x[group], rowvar=False, bias=True)
        assert np.allclose(gram.centred()[group], covariance, rtol=1e-4, atol=1e-4)
        assert np.allclose(gram.second_moment()[group], x[group].T @ x[group] / 400, rtol=1e-5)


@pytest.mark.parametrize("constant", [1e3, 1e4, 1e6])
def test_what_hardly_varies_has_no_variance(constant: float) -> None:
    x = np.random.default_rng(0).standard_normal((1, 400, 6)).astype(np.float32)
    x[..., 2], x[..., 4] = constant, 1.1 * constant
    covariance = _gram(*np.split(x, 8, axis=1)).rounded().centred()[0]
    alive = [0, 1, 3, 5]
    assert not covariance[[2, 4]].any()
    assert not covariance[:, [2, 4]].any()
    expected = np.cov(x[0][:, alive], rowvar=False, bias=True)
    assert np.allclose(covariance[np.ix_(alive, alive)], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [1.5e19, 1e29])
def test_what_overflows_is_not_finite_and_no_warning(size: float) -> None:
    random = np.random.default_rng(0)
    gram, pairs = Gram(), PairedMoments()
    for _ in range(4):
        vectors = (size * random.choice([-1, 1], (1, 1, 3))).astype(np.float32)
        gram.update(vectors)
        pairs.update(vectors, vectors)
    assert not np.isfinite(gram.rounded().second_moment()).any()
    gram.merge(pairs.own)
    pairs.merge(pairs)
    assert (gram.count, pairs.own.count) == (8, 8)


def test_arrays_restore_it() -> None:
    gram = _gram(_vectors(1, 30))
    again = Gram.from_arrays(gram.to_arrays())
    assert again.count == 30
    assert np.allclose(again.second_moment(), gram.second_moment(), rtol=1e-6)
    assert all(
        np.array_equal(array, gram.to_arrays()[name]) for name, array in again.to_arrays().items()
    )


def test_arrays_that_do_not_fit_are_refused() -> None:
    arrays = dict(_gram(_vectors(1, 3)).to_arrays())
    with pytest.raises(ValueError, match="cannot reshape"):
        Gram.from_arrays({**arrays, "products": arrays["products"][:, :-1]})


def test_divided_inputs_have_divided_moments() -> None:
    x, factors = _vectors(2, 50), np.array([1, 2, 4, 0.5, 8], np.float32)
    divided, expected = _gram(x).divided(factors), _gram(x / factors)
    assert divided.count == 50
    assert np.allclose(divided.means(), expected.means())
    assert np.allclose(divided.second_moment(), expected.second_moment())


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_patches_times_the_kernel_are_the_convolution(groups: int) -> None:
    """``y = W x`` for every output position, padding, stride and dilation included."""
    random = np.random.default_rng(groups)
    image = random.standard_normal((2, 4, 9, 11), np.float32)
    kernel = random.standard_normal((8, 4 // groups, 3, 2), np.float32)
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=[2, 1], dilations=[1, 2], pads=[1, 0, 2, 1], group=groups
    )
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * 4) for n in "xy"]
    graph = helper.make_graph(
        [node], "g", ports[:1], ports[1:], [numpy_helper.from_array(kernel, "w")]
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    (expected,) = ort.InferenceSession(model.SerializeToString()).run(None, {"x": image})
    windows = Windows(groups, (3, 2), (2, 1), (1, 2), (1, 0), (2, 1), (9, 11))
    vectors = patch_vectors(image, windows, 10_000, random)
    rows = kernel.reshape(groups, 8 // groups, -1)
    found = np.einsum("gpk,gok->pgo", vectors, rows).reshape(2, *expected.shape[2:], 8)
    assert np.allclose(found.transpose(0, 3, 1, 2), expected, atol=1e-5)
    assert patch_vectors(image, windows, 7, random).shape == (groups, 7, rows.shape[2])


def test_rows_are_drawn_without_repetition() -> None:
    array = np.arange(60, dtype=np.float32).reshape(3, 5, 4)
    drawn = row_vectors(array, 6, np.random.default_rng(0))
    assert drawn.shape == (1, 6, 4)
    assert len({tuple(row) for row in drawn[0]}) == 6
    assert np.array_equal(row_vectors(array, 99, np.random.default_rng(0))[0], array.reshape(15, 4))


@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=12), size=st.integers(1, 9))
def test_vectors_that_come_few_at_a_time_are_all_counted(counts: list[int], size: int) -> None:
    random = np.random.default_rng(len(counts))
    parts = [random.standard_normal((2, count, size), np.float32) for count in counts]
    gathered = GatheredGram()
    for part in parts:
        gathered.add(part)
    whole = Gram()
    whole.update(np.concatenate(parts, axis=1))
    found = gathered.whole()
    assert found.count == whole.count == sum(counts)
    np.testing.assert_allclose(found.means(), whole.means(), atol=1e-6)
    np.testing.assert_allclose(found.second_moment(), whole.second_moment(), rtol=1e-4, atol=1e-5)
