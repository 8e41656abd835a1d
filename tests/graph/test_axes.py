"""Axes that exporters leave open by writing -1, 0 or ``?``."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from qconv.graph.model_io import load_model, read_model
from tests.model_helpers import declare_length, list_weights_as_inputs, parse, save

TEXT = """(float[N, 3, N, N] x) => (float[N, 3, N, N] y, float[M] z) <float[1, 3, 1, 1] w> {
    a = Mul(x, w) s = Shape(a) n = ConstantOfShape(s) y = Add(a, n) f = Flatten<axis = 0>(y)
    z = Squeeze(f)
}"""


def shapes(path: Path) -> dict[str, list[int | str | None]]:
    graph = load_model(path).ir.graph
    values = [*graph.inputs, *graph.outputs, *(v for node in graph for v in node.outputs)]
    return {
        str(value.name): [axis if isinstance(axis, int) else axis.value for axis in value.shape]
        for value in values
        if value.shape is not None
    }


@pytest.mark.parametrize("length", [-1, 0, "?"])
def test_they_are_free(tmp_path: Path, length: int | str) -> None:
    model = parse(TEXT)
    model.graph.value_info.append(
        onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, ["N", 3, "N", "N"])
    )
    declare_length(model, "N", length)
    found = shapes(save(model, tmp_path))
    assert found["x"] == found["a"] == found["y"] == [None, 3, None, None]
    assert found["z"] == ["M"]


def test_a_name_is_no_open_axis(tmp_path: Path) -> None:
    assert shapes(save(parse(TEXT), tmp_path))["x"] == ["N", 3, "N", "N"]


def test_an_inner_length_of_0_is_the_truth_where_no_input_has_one(tmp_path: Path) -> None:
    model = parse("(float[N, 3] x) => (float[N, 0] y) <int64[1] e = {0}, int64[1] a = {1}> "
                  "{ y = Slice(x, e, e, a) }")  # fmt: skip
    assert shapes(save(model, tmp_path))["y"] == ["N", 0]


def test_an_initializer_among_the_inputs_keeps_its_length(tmp_path: Path) -> None:
    text = "(float[N, 3] x) => (float[M, 3] y) <float[0, 3] e> { y = Concat<axis = 0>(x, e) }"
    model = parse(text, ir=3, opset=7)
    list_weights_as_inputs(model)
    graph = read_model(save(model, tmp_path)).graph
    assert [list(value.shape or ()) for value in graph.inputs if value.name == "e"] == [[0, 3]]


def test_axes_in_bodies_are_free(tmp_path: Path) -> None:
    text = """(bool c, float[N, 3] x) => (float[N, 3] y) { y = If(c) <
        then_branch = t () => (float[N, 3] u) { u = Relu(x) },
        else_branch = e () => (float[N, 3] v) { v = Neg(x) }
    > }"""
    model = parse(text)
    declare_length(model, "N", -1)
    bodies = load_model(save(model, tmp_path)).ir.graph.subgraphs()
    outputs = [list(output.shape or ()) for body in bodies for output in body.outputs]
    assert len(outputs) == 2
    assert all(shape[0] != -1 and shape[1] == 3 for shape in outputs)
