"""Looking at every float32 value, whatever the model is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv import calibrate
from qconv.errors import NothingQuantized, UnsupportedError
from tests.model_helpers import data, parse, save

MAPS = """(float[1, 3, 4, 4] x, float[2, 3, 5, 5] w) => (float[1, 2, 2, 2] y, float[1, 3, 4, 0] z)
    <int64[1] none = {0}, int64[1] last = {3}>
    { y = Conv<strides = [2, 2], pads = [1, 1, 2, 2]>(x, w) z = Slice(x, none, none, last) }"""


def test_maps_of_different_batches_and_maps_without_elements(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    feeds = [
        {
            "x": random.standard_normal((1, 3, 4, 4), np.float32),
            "w": random.standard_normal((2, 3, 5, 5), np.float32),
        }
        for _ in range(3)
    ]
    found = calibrate(save(parse(MAPS), tmp_path), data=data(feeds), values="all").statistics
    for name in ("x", "w"):
        arrays = np.concatenate([feed[name] for feed in feeds])
        assert (found[name].range.low, found[name].range.high) == (arrays.min(), arrays.max())
        assert found[name].means.weight == len(arrays)
        means = arrays.mean(axis=(0, 2, 3))
        np.testing.assert_allclose(found[name].means.means(), means, atol=1e-6)
    assert found["z"].means.weight == 0
    assert found["y"].range.high > 0


def test_arrays_of_more_axes_than_can_be_pooled(tmp_path: Path) -> None:
    text = "(float[1, 2, 3, 2, 3, 2] x) => (float[1, 2, 3, 2, 3, 2] y) { y = Relu(x) }"
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 2, 3, 2), np.float32)
    found = calibrate(save(parse(text), tmp_path), data=data([{"x": x}]), values="all").statistics
    assert (found["x"].range.low, found["y"].range.low) == (x.min(), 0)
    assert found["x"].range.high == found["y"].range.high == x.max()


def test_sequences_are_passed_over(tmp_path: Path) -> None:
    text = """(float[4] x) => (float[4] y) <int64 i = {0}>
        { r = Relu(x) s = SequenceConstruct(r, x) y = SequenceAt(s, i) }"""
    feeds = [{"x": np.linspace(-1, 1, 4, dtype=np.float32)}]
    record = calibrate(save(parse(text), tmp_path), data=data(feeds), values="all")
    assert record.statistics.keys() == {"x", "r", "y"}


def test_a_model_without_float32_values(tmp_path: Path) -> None:
    path = save(parse("(int64[3] x) => (int64[3] y) { y = Neg(x) }"), tmp_path)
    with pytest.raises(NothingQuantized) as caught:
        calibrate(path, data=data([{"x": np.zeros(3, np.int64)}]), values="all")
    assert str(caught.value) == f"{path}: it has no float32 values to observe"


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("seq(float[4])", "y = SequenceAt(x, i)", "sequence of float32"),
        ("optional(float[4])", "y = OptionalGetElement(x)", "optional float32"),
        ("float8e4m3fn[4]", "y = Cast<to = 1>(x)", "float8_e4m3fn"),
        ("int4[4]", "y = Cast<to = 1>(x)", "int4"),
        ("string[4]", "y = Cast<to = 1>(x)", "string"),
    ],
)
def test_inputs_that_cannot_be_fed(kind: str, body: str, told: str, tmp_path: Path) -> None:
    text = f"({kind} x) => (float[4] y) <int64 i = {{0}}> {{ {body} }}"
    path = save(parse(text, opset=21, ir=10), tmp_path)
    with pytest.raises(UnsupportedError) as caught:
        calibrate(path, data=data([{"x": np.zeros(4, np.float32)}]), values="all")
    assert str(caught.value) == (
        f"the input 'x' is {told}; only tensors of NumPy's number types can be fed"
    )


def test_sequences_between_tensors_are_not_looked_at(tmp_path: Path) -> None:
    text = """(float[2, 4] x) => (float[4, 4] y) {
      n = Neg(x) s = SequenceConstruct(x, n) y = ConcatFromSequence<axis = 0>(s)
    }"""
    feeds = [{"x": np.ones((2, 4), np.float32)}]
    record = calibrate(save(parse(text), tmp_path), data=data(feeds), values="all")
    assert set(record.statistics) == {"x", "n", "y"}
