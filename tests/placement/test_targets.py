"""A target is a table: what it says is what the written file holds."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from qconv.errors import NothingQuantized, UnsupportedError, UsageError
from qconv.numerics.number_types import INT16
from qconv.numerics.schemes import PerTensor, Scheme
from qconv.pipeline import convert, plan
from qconv.placement.targets.known import find_target
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Kind, OpRule, Output, Sums, Target
from qconv.recipe.settings import DynamicSettings, Int8Settings, WeightOnlySettings
from tests.model_helpers import data, op_types, parse, random_feeds, run, save, sqnr
from tests.placement.toy_target import NET, PRODUCT, TOY


def _converted(
    text: str, folder: Path, target: Target, settings: Int8Settings | None = None, opset: int = 17
) -> onnx.ModelProto:
    proto = parse(text, opset=opset)
    path, output = save(proto, folder), folder / "out.onnx"
    feeds = random_feeds(proto)
    convert(path, output, data=data(feeds), settings=settings, target=target, force=True)
    assert min(sqnr(path, output, feeds).values()) > 20
    return onnx.load(output)


def _constants(model: onnx.ModelProto) -> dict[str, TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def _producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def test_the_written_file_holds_exactly_what_the_table_says(tmp_path: Path) -> None:
    model = _converted(NET, tmp_path, TOY, Int8Settings(smooth="off"))
    constants, producers = _constants(model), _producers(model)
    assert [opset.domain for opset in model.opset_import] == [""]
    quantizers = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert [node.input[0] for node in quantizers] == ["x", "r", "f"]
    for node in quantizers:
        zero = numpy_helper.to_array(constants[node.input[2]])
        assert zero.dtype == np.int8
        assert int(zero) == 0
    layers = [node for node in model.graph.node if node.op_type in TOY.rules]
    assert len(layers) == 3
    for layer in layers:
        assert constants[layer.input[2]].data_type == TensorProto.FLOAT
        assert [producers[name].op_type for name in layer.input[:2]] == ["DequantizeLinear"] * 2
    others = [op for op in op_types(model) if op not in ("QuantizeLinear", "DequantizeLinear")]
    assert others == op_types(parse(NET))


def test_the_table_of_one_target_changes_no_other(tmp_path: Path) -> None:
    feeds, path = random_feeds(parse(NET)), save(parse(NET), tmp_path)
    for name in ("before", "after"):
        convert(path, tmp_path / f"{name}.onnx", data=data(feeds))
        convert(path, tmp_path / f"{name}.toy.onnx", data=data(feeds), target=TOY)
    for kind in (".onnx", ".toy.onnx"):
        before, after = (tmp_path / f"{name}{kind}" for name in ("before", "after"))
        assert before.read_bytes() == after.read_bytes()


def test_of_a_residual_sum_what_skipped_the_layer_is_read_in_integers(tmp_path: Path) -> None:
    add = OpRule(Kind.ARITHMETIC, data_inputs=None, output=Output.NEVER)
    target = replace(TOY, sums=Sums.SKIP, rules={**TOY.rules, "Add": add})
    model = _converted(NET, tmp_path, target)
    [total] = [node for node in model.graph.node if node.op_type == "Add"]
    producers = _producers(model)
    assert [producers[name].op_type for name in total.input] == ["Conv", "DequantizeLinear"]


def test_a_sum_of_no_layer_stays_float() -> None:
    text = "(float[N,4] x, float[N,4] z) => (float[N,4] y) { s = Add(x, z) y = Relu(s) }"
    add = OpRule(Kind.ARITHMETIC, data_inputs=None)
    target = replace(TOY, sums=Sums.SKIP, rules={"Add": add})
    assert _reasons(text, target)["Add"] == (
        "neither operand comes from a layer whose kernel could do the addition"
    )


def _reasons(text: str, target: Target, settings: Int8Settings | None = None) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        found = plan(save(parse(text), Path(folder)), settings, target=target)
    return {node.op_type: node.reason for node in found.nodes.values()}


def test_outputs_of_the_model_are_quantized_where_the_target_wants_it(tmp_path: Path) -> None:
    target = replace(TOY, quantized_outputs=True)
    producers = _producers(_converted(NET, tmp_path, target))
    assert producers["y"].op_type == "DequantizeLinear"


@pytest.mark.parametrize(
    ("rule", "settings", "reason"),
    [
        (OpRule(Kind.PRODUCT, weights=("int4",)), None, "weights of int4, not int8"),
        (OpRule(Kind.PRODUCT, activations=("int16",)), None, "takes int16, not int8"),
    ],
)
def test_what_an_operator_takes(rule: OpRule, settings: Int8Settings | None, reason: str) -> None:
    target = replace(TOY, rules={**TOY.rules, "Gemm": rule})
    found = _reasons(NET, target, settings)
    assert found["Gemm"] == f"its integer kernel takes {reason.removeprefix('takes ')}"
    assert found["Conv"] == ""


def test_an_operator_may_want_one_scale_for_its_weight(tmp_path: Path) -> None:
    rule = OpRule(Kind.CONVOLUTION, output=Output.NEVER, per_channel=False)
    model = _converted(NET, tmp_path, replace(TOY, rules={**TOY.rules, "Conv": rule}))
    producers, constants = _producers(model), _constants(model)
    sizes = {
        layer.op_type: list(constants[producers[layer.input[1]].input[1]].dims)
        for layer in model.graph.node
        if layer.op_type in TOY.rules
    }
    assert sizes == {"Conv": [], "Gemm": [5]}


def test_sixteen_bits_without_the_operators_of_a_runtime_raise_the_opset(tmp_path: Path) -> None:
    wide = Scheme(INT16, symmetric=True, granularity=PerTensor())
    model = _converted(NET, tmp_path, replace(TOY, activations={"int16": wide}))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 21)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"newest_opset": 16},
            "it would be written in opset 17, but the toy's runtime reads only up to 16",
        ),
        (
            {"refused": {"Flatten": "it has one shape alone"}},
            "the toy's runtime runs no Flatten, such as 'Flatten:f': it has one shape alone",
        ),
        (
            {"fixed_shapes": True},
            "the toy's runtime needs fixed shapes, but the input 'x' has an axis without a size",
        ),
    ],
)
def test_models_that_the_runtime_cannot_load_are_refused(
    change: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    path, target = save(parse(NET), tmp_path), replace(TOY, **change)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError) as caught:
        convert(path, tmp_path / "out.onnx", data=data(random_feeds(parse(NET))), target=target)
    assert sentence in str(caught.value)
    assert not (tmp_path / "out.onnx").exists()


def test_other_domains_are_refused(tmp_path: Path) -> None:
    text = "(float[N,8] x) => (float[N,8] y) { y = com.microsoft.Gelu(x) }"
    with pytest.raises(UnsupportedError, match=r"the operators of com\.microsoft, such as Gelu"):
        plan(save(parse(text), tmp_path), target=TOY)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            Int8Settings(activations="uint8"),
            "`activations=uint8` is not for the target toy-npu, which takes int8",
        ),
        (
            WeightOnlySettings(format="operator"),
            "`format=operator` is not for the target toy-npu: it writes operators that only ONNX "
            "Runtime has",
        ),
    ],
)
def test_settings_that_the_target_cannot_follow(
    settings: Int8Settings | WeightOnlySettings, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        plan(save(parse(NET), tmp_path), settings, target=TOY)
    assert str(caught.value) == sentence


def test_nothing_is_quantized_at_run_time_where_there_are_no_kernels(tmp_path: Path) -> None:
    text = """(float[N,64] x, bool c) => (float[N,64] y) <float[64,64] w, float[64,64] v> {
      h = MatMul(x, w)
      y = Loop(three, c, h) <body = body (int64 i, bool on, float[N,64] a) =>
        (bool go, float[N,64] b) { go = Identity(on) b = MatMul(a, v) }>
    }"""
    text = text.replace("float[64,64] v>", "float[64,64] v, int64 three = {3}>")
    path = save(parse(text), tmp_path)
    target = replace(TOY, rules={"MatMul": OpRule(Kind.PRODUCT, output=Output.NEVER)})
    reasons = {node.reason for node in plan(path, target=target).nodes.values()}
    assert (
        "the toy's runtime has no kernel for this operator that quantizes its input at run time"
        in reasons
    )
    with pytest.raises(UsageError, match="`mode=dynamic` is not for the target toy-npu"):
        plan(path, DynamicSettings(), target=target)


@pytest.mark.parametrize(("columns", "block"), [(256, 128), (96, 32), (99, None)])
def test_rows_are_whole_blocks(columns: int, block: int | None, tmp_path: Path) -> None:
    proto = parse(PRODUCT.format(k=columns))
    path, output = save(proto, tmp_path), tmp_path / "out.onnx"
    target = replace(TOY, whole_blocks=True)
    convert(path, output, settings=WeightOnlySettings("int4"), target=target)
    model = onnx.load(output)
    [node] = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    found = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    assert found.get("block_size") == block
    assert {opset.domain for opset in model.opset_import} == {""}


def test_constants_are_inline_where_the_target_computes_none(tmp_path: Path) -> None:
    text = """(float[5,1,64] x) => (float[5,1,1,64] y)
    <float[1,256,64] w, float[1,256,64] r, float[64,64] m>
    { h = MatMul(x, m) y = LSTM<hidden_size = 64>(h, w, r) }"""
    proto = parse(text)
    path, feeds = save(proto, tmp_path), random_feeds(proto)
    rules = {"MatMul": OpRule(Kind.PRODUCT, output=Output.NEVER)}
    for inline in (False, True):
        target = replace(TOY, rules=rules, inline_constants=inline)
        output = tmp_path / f"{inline}.onnx"
        convert(path, output, data=data(feeds), target=target)
        assert run(output, feeds[0])["y"].shape == (5, 1, 1, 64)
        written, constants = onnx.load(output), _constants(onnx.load(output))
        computed = [
            node.op_type
            for node in written.graph.node
            if all(not name or name in constants for name in node.input)
        ]
        assert (set(computed) == {"DequantizeLinear"}) == inline


def test_what_cannot_be_quantized_at_all_is_said(tmp_path: Path) -> None:
    path = save(parse(NET), tmp_path)
    with pytest.raises(NothingQuantized, match="nothing can be quantized for toy-npu"):
        convert(
            path,
            tmp_path / "out.onnx",
            data=data(random_feeds(parse(NET))),
            target=replace(TOY, rules={}),
        )


def test_a_layer_that_qconv_has_no_integer_weights_for() -> None:
    text = """(float[N,3,8,8] x) => (float[N,4,10,10] y) <float[3,4,3,3] w>
    { y = ConvTranspose(x, w) }"""
    target = replace(TOY, rules={"ConvTranspose": OpRule(Kind.CONVOLUTION)})
    assert _reasons(text, target) == {
        "ConvTranspose": "qconv has no integer weights for ConvTranspose"
    }


def test_targets_are_found_by_name() -> None:
    assert find_target("ort-cpu") is ORT_CPU
    with pytest.raises(UsageError) as caught:
        find_target("ort-gpu")
    assert str(caught.value) == "unknown target 'ort-gpu'"
    assert caught.value.hint == "known targets: ort-cpu"
