"""What a target cannot read, or reads otherwise, is not written for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from qconv.errors import QconvError, UnsupportedError, UsageError
from qconv.pipeline import calibrate, convert, plan
from qconv.placement.plan import Plan
from qconv.placement.targets.table import Kind, OpRule, Output, Sums
from qconv.recipe.settings import HalfSettings, Int8Settings, WeightOnlySettings
from tests.model_helpers import data, op_types, parse, random_feeds, said, save
from tests.placement.toy_target import NET, PRODUCT, TOY


@pytest.mark.parametrize(
    "settings", [WeightOnlySettings("int4"), HalfSettings("bf16"), WeightOnlySettings("fp8e4m3")]
)
def test_no_type_raises_the_opset_beyond_what_the_target_reads(
    settings: WeightOnlySettings | HalfSettings, tmp_path: Path
) -> None:
    path = save(parse(PRODUCT.format(k=256)), tmp_path)
    target = replace(TOY, newest_opset=17)
    with pytest.raises(UnsupportedError, match="it would be written in opset"):
        convert(path, tmp_path / "out.onnx", settings=settings, target=target)


def test_weights_of_four_bits_that_the_target_cannot_read_are_told(tmp_path: Path) -> None:
    proto = parse(NET)
    path, feeds = save(proto, tmp_path), random_feeds(proto)
    settings = Int8Settings(weights="int4")
    for target in (replace(TOY, newest_opset=17), replace(TOY, inline_constants=True)):
        output = tmp_path / "out.onnx"
        made = convert(path, output, data=data(feeds), settings=settings, target=target, force=True)
        assert "4-bit weights stored as int8, twice as large" in " ".join(said(made))
        types = {tensor.data_type for tensor in onnx.load(output).graph.initializer}
        assert TensorProto.INT4 not in types


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            WeightOnlySettings("binary"),
            "ONNX has no type for binary, and the toy's runtime does not fold constants",
        ),
        (
            HalfSettings("bf16", storage_only=True),
            "`storage_only` is not for the target toy-npu, which does not fold constants",
        ),
    ],
)
def test_constants_that_would_be_computed(
    settings: WeightOnlySettings | HalfSettings, sentence: str, tmp_path: Path
) -> None:
    path = save(parse(PRODUCT.format(k=256)), tmp_path)
    target = replace(TOY, inline_constants=True)
    with pytest.raises(QconvError) as caught:
        convert(path, tmp_path / "out.onnx", settings=settings, target=target)
    assert sentence in str(caught.value)


def test_blocks_of_convolutions_give_way_to_rows_where_nothing_is_computed(tmp_path: Path) -> None:
    text = """(float[N,8,9,9] x) => (float[N,16,7,7] y) <float[16,8,3,3] w> { y = Conv(x, w) }"""
    path, output = save(parse(text), tmp_path), tmp_path / "out.onnx"
    target = replace(TOY, inline_constants=True)
    convert(path, output, settings=WeightOnlySettings("int4"), target=target)
    assert op_types(onnx.load(output)) == ["DequantizeLinear", "Conv"]


def test_outputs_count_as_read(tmp_path: Path) -> None:
    text = """(float[N,3,8,8] x) => (float[N,4,6,6] y) <float[4,3,3,3] w>
    { a = Conv(x, w) y = Sigmoid(a) }"""
    rules = {
        "Conv": OpRule(Kind.CONVOLUTION),
        "Sigmoid": OpRule(Kind.ARITHMETIC, needs_reader=True),
    }
    for wanted in (False, True):
        target = replace(TOY, rules=rules, quantized_outputs=wanted)
        found = plan(save(parse(text), tmp_path), target=target)
        [sigmoid] = [node for node in found.nodes.values() if node.op_type == "Sigmoid"]
        assert sigmoid.quantized == wanted


def test_no_sum_skips_a_layer_that_is_in_float(tmp_path: Path) -> None:
    add = OpRule(Kind.ARITHMETIC, data_inputs=None, output=Output.NEVER)
    rules = {**TOY.rules, "Conv": OpRule(Kind.CONVOLUTION), "Add": add}
    target = replace(TOY, sums=Sums.SKIP, rules=rules)
    path = save(parse(NET), tmp_path)
    found = plan(path, target=target)
    assert isinstance(found, Plan)
    [total] = [node for node in found.nodes.values() if node.op_type == "Add"]
    assert total.quantized
    producer = next(name for name in found.layers if found.layers[name].bias == "c")
    assert found.layers[producer].output is None
    kept = plan(path, Int8Settings(float_layers=(f"^{producer}$",)), target=target)
    assert kept.nodes[total.node].reason == (
        "the Conv whose kernel could do the addition is in float"
    )


def test_onnx_by_its_long_name_is_onnx(tmp_path: Path) -> None:
    proto = parse(NET)
    for opset in proto.opset_import:
        opset.domain = opset.domain or "ai.onnx"
    path, output = save(proto, tmp_path), tmp_path / "out.onnx"
    convert(path, output, data=data(random_feeds(parse(NET))), target=TOY)
    assert [(opset.domain, opset.version) for opset in onnx.load(output).opset_import] == [("", 17)]


def test_a_target_without_activations_is_none() -> None:
    with pytest.raises(UsageError, match="the target toy-npu names no type of activations"):
        replace(TOY, activations={})


def test_a_record_serves_whatever_types_operators_take(tmp_path: Path) -> None:
    rules = {**TOY.rules, "Conv": OpRule(Kind.CONVOLUTION, weights=("int4",))}
    target = replace(TOY, rules=rules)
    path = save(parse(NET), tmp_path)
    record = calibrate(path, data=data(random_feeds(parse(NET))), target=target)
    settings = Int8Settings(weights="int4")
    made = convert(
        path, tmp_path / "out.onnx", calibration=record, settings=settings, target=target
    )
    assert {node.op_type for node in made.plan.quantized} == {"Conv", "Gemm"}
