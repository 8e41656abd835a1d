"""Functions of a model that are written for another opset than its graph."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir
import pytest
from onnx import AttributeProto, ModelProto, helper

from qconv.errors import ModelError, UnsupportedError
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.pipeline import convert
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import data, parse, random_feeds, save


def calling(operator: str, opset: int) -> ModelProto:
    """Return a model of opset 17 whose only operator is a function of another opset."""
    model = parse("(float[2, 4] x) => (float[2, 4] y) { y = local.Own(x) }")
    node = helper.make_node(operator, ["a"], ["b"])
    imports = [helper.make_opsetid("", opset)]
    model.functions.append(helper.make_function("local", "Own", ["a"], ["b"], [node], imports))
    model.opset_import.append(helper.make_opsetid("local", 1))
    return model


def test_a_function_whose_operators_are_the_same(tmp_path: Path) -> None:
    prepared = prepare(load_model(save(calling("Relu", 14), tmp_path)).ir)
    assert [node.op_type for node in prepared.graph] == ["Relu"]
    assert prepared.graph.opset_imports[""] == 17


def test_an_attribute_of_a_function_outside_of_one(tmp_path: Path) -> None:
    model = parse("(float[2, 4] x) => (float[2, 4] y) { y = Elu(x) }")
    alpha = AttributeProto(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="slope")
    model.graph.node[0].attribute.append(alpha)
    told = r"the attribute alpha of Elu 'y' is 'slope' of a function, and it is in none"
    with pytest.raises(ModelError, match=told):
        load_model(save(model, tmp_path))


def test_a_function_whose_operators_are_others() -> None:
    with pytest.raises(UnsupportedError, match="cannot be inlined: Opset mismatch"):
        prepare(ir.from_proto(calling("Softmax", 11)))


def test_a_function_that_nothing_calls_is_left_out(tmp_path: Path) -> None:
    model = calling("Relu", 17)
    nodes = [
        helper.make_node("Constant", [], ["w"], value_floats=[1.0] * 25),
        helper.make_node("Mul", ["a", "w"], ["b"]),
    ]
    imports = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Idle", ["a"], ["b"], nodes, imports))
    del model.graph.node[:]
    model.graph.node.add(op_type="MatMul", input=["x", "w"], output=["y"], name="product")
    model.graph.initializer.add(name="w", dims=[4, 4], data_type=1, float_data=[1.0] * 16)
    path = save(model, tmp_path)
    settings = Int8Settings(effort="fast")
    written = tmp_path / "out.onnx"
    convert(path, written, data=data(random_feeds(model)), settings=settings)
    assert not onnx.load(written).functions
