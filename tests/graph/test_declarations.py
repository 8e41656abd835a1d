"""What a model says of its weights and outputs beside what they are."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from qconv.errors import ModelError
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.pipeline import convert
from qconv.recipe.settings import HalfSettings, WeightOnlySettings
from tests.model_helpers import list_weights_as_inputs, parse, run, save

TEXT = "(float[N, 4] x) => (float[N, 5] y) <float[4, 5] w> { y = MatMul(x, w) }"


@pytest.mark.parametrize(
    ("kind", "shape"), [("FLOAT", [4, 6]), ("FLOAT", [20]), ("DOUBLE", [4, 5])]
)
def test_weights_that_are_inputs_of_another_kind(
    tmp_path: Path, kind: str, shape: list[int]
) -> None:
    model = parse(TEXT)
    listed = helper.make_tensor_value_info("w", onnx.TensorProto.DataType.Value(kind), shape)
    model.graph.input.append(listed)
    path = save(model, tmp_path)
    with pytest.raises(ModelError, match="'w' is an input and an initializer, and the two differ"):
        load_model(path)


def test_weights_that_are_inputs_of_their_kind(tmp_path: Path) -> None:
    model = parse(TEXT)
    list_weights_as_inputs(model)
    assert load_model(save(model, tmp_path)).ir.graph.num_nodes() == 1


@pytest.mark.parametrize("storage_only", [False, True])
def test_a_wrong_note_on_weights_is_not_written(tmp_path: Path, storage_only: bool) -> None:
    model = parse(TEXT.replace("[4, 5]", "[128, 128]").replace("[N, 4]", "[N, 128]"))
    model.graph.value_info.append(helper.make_tensor_value_info("w", 11, [10**12]))
    output = tmp_path / "half.onnx"
    convert(save(model, tmp_path), output, settings=HalfSettings("bf16", storage_only=storage_only))
    (tensor,) = [t for t in onnx.load(output).graph.initializer if len(t.dims) == 2]
    assert numpy_helper.to_array(tensor).shape == (128, 128)


def test_a_wrong_note_on_weights_is_not_believed(tmp_path: Path) -> None:
    model = parse(TEXT.replace("[4, 5]", "[128, 128]").replace("[N, 4]", "[N, 128]"))
    output = tmp_path / "int8.onnx"
    written = []
    for _ in range(2):
        convert(save(model, tmp_path), output, settings=WeightOnlySettings("int8"), force=True)
        written.append(numpy_helper.to_array(onnx.load(output).graph.initializer[0]))
        model.graph.value_info.append(helper.make_tensor_value_info("w", 11, [10**12, 3]))
    np.testing.assert_array_equal(written[0], written[1])


@pytest.mark.parametrize("length", [0, 3])
def test_a_normalization_of_unequal_lengths_is_not_folded(tmp_path: Path, length: int) -> None:
    text = f"""(float[1,3,5,5] x) => (float[1,4,5,5] y)
    <float[4,3,1,1] w, float[4] s, float[4] b, float[4] m, float[{length}] v> {{
      c = Conv(x, w)
      y = BatchNormalization(c, s, b, m, v)
    }}"""
    prepared = prepare(load_model(save(parse(text), tmp_path)).ir)
    assert [node.op_type for node in prepared.graph] == ["Conv", "BatchNormalization"]


@pytest.mark.parametrize("other", ["2, 3", "N, 3"])
def test_an_output_may_be_declared_otherwise_than_constants_show(
    tmp_path: Path, other: str
) -> None:
    text = f"""(float[2, 3] x) => (float[3, 1000] y, float[{other}] r) <float[2] f = {{3, 2}}> {{
      s = Cast<to = 7>(f) r = Relu(x) y = Reshape(r, s)
    }}"""
    path, output = save(parse(text), tmp_path), tmp_path / "half.onnx"
    convert(path, output, settings=HalfSettings("fp16"))
    feeds = {"x": np.ones((2, 3), np.float32)}
    assert run(output, feeds)["y"].shape == run(path, feeds)["y"].shape == (3, 2)


def test_a_shape_that_is_declared_to_be_long_takes_no_memory(tmp_path: Path) -> None:
    text = """(float[2, 3] x) => (float[K, L, M, N] y) {
      s = Shape(x) c = Concat<axis = 0>(s, s) y = Expand(x, c)
    }"""
    model = parse(text)
    model.graph.value_info.append(helper.make_tensor_value_info("s", 7, [6_000_000]))
    path = save(model, tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    prepare(load_model(path).ir)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000
