"""Inputs fixed to constants: what a text becomes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.errors import UsageError
from qconv.graph.assume import as_text, assumed_arrays
from qconv.graph.model_io import load_model
from qconv.specs import TensorSpec
from tests.model_helpers import parse, save

X = TensorSpec("x", np.dtype(np.float32), ("N", 4))


def spec(dtype: str, *shape: int | str | None) -> TensorSpec:
    return TensorSpec("a", np.dtype(dtype), shape)


@pytest.mark.parametrize(
    ("inputs", "text", "expected"),
    [
        (spec("int64"), "16000", np.array(16000)),
        (spec("int32", 1), "-5", np.array([-5], np.int32)),
        (spec("uint8", 1, 1), "255", np.array([[255]], np.uint8)),
        (spec("float32"), "0.5", np.array(0.5, np.float32)),
        (spec("float16", 2), "1, 2", np.array([1, 2], np.float16)),
        (spec("int64", 3), "1,2,3", np.array([1, 2, 3])),
        (spec("int64", "K"), "1,2,3", np.array([1, 2, 3])),
        (spec("int64", None), "7", np.array([7])),
        (spec("float64", "K", 2), "1,2,3,4", np.array([[1.0, 2], [3, 4]])),
        (spec("float32", "N", "M"), "2", np.array([[2]], np.float32)),
        (spec("bool"), "true", np.array(True)),
        (spec("bool", 2), "0,True", np.array([False, True])),
        (TensorSpec("a", np.dtype(np.int64), None), "1,2", np.array([1, 2])),
    ],
)
def test_what_a_text_becomes(inputs: TensorSpec, text: str, expected: np.ndarray) -> None:
    array = assumed_arrays([X, inputs], {"a": text}, "m.onnx")["a"]
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("inputs", "text", "message"),
    [
        (spec("int64"), "fast", "which is int64: it is not a whole number"),
        (spec("int64"), "1.5", "which is int64: it is not a whole number"),
        (spec("int8"), "200", "int8 holds -128 to 127"),
        (spec("float32"), "x", "which is float32: it is not a number"),
        (spec("float32"), "nan", "it is not finite in float32"),
        (spec("float16"), "1e9", "it is not finite in float16"),
        (spec("bool"), "2", "which is bool: write true or false"),
        (spec("int64", 3), "1,2", "2 numbers cannot be assumed for the input 'a' of shape [3]"),
        (
            spec("int64", "K", 2),
            "1",
            "1 number cannot be assumed for the input 'a' of shape [K, 2]",
        ),
        (spec("int64", "K", None), "1,2", "cannot be assumed for the input 'a' of shape [K, ?]"),
    ],
)
def test_what_does_not_fit(inputs: TensorSpec, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        assumed_arrays([X, inputs], {"a": text}, "m.onnx")
    assert str(caught.value).startswith("m.onnx: ")
    assert message in str(caught.value)


def test_an_input_that_is_not_there() -> None:
    with pytest.raises(UsageError) as caught:
        assumed_arrays([X, spec("int64")], {"rate": "1"}, "m.onnx")
    assert str(caught.value) == "m.onnx: 'rate' cannot be assumed: the model has no such input"
    assert caught.value.hint == "its inputs: 'x', 'a'"


def test_one_input_is_left_to_feed() -> None:
    with pytest.raises(UsageError, match="all inputs are assumed; one must be left to feed"):
        assumed_arrays([spec("int64")], {"a": "1"}, "m.onnx")


def test_a_loaded_model_knows_its_assumptions(tmp_path: Path) -> None:
    path = save(
        parse(
            "(float[N, 2] x, float[2] b, int64 a) => (float[N, 2] y) { c = Add(x, b) y = Relu(c) }"
        ),
        tmp_path,
    )
    loaded = load_model(path, assume={"b": "1,2", "a": "3"})
    assert loaded.assumptions == {"a": "3", "b": "1.0,2.0"} == as_text(loaded.assumed)
    assert [value.name for value in loaded.ir.graph.inputs] == ["x"]
    assert loaded.fingerprint == load_model(path).fingerprint
