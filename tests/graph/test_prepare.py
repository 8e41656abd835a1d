"""Preparation changes the form of a model, and neither its ports nor its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from qconv.errors import UnsupportedError
from qconv.graph.model_io import load_model, read_model
from qconv.graph.prepare import MIN_OPSET, normalize, prepare
from qconv.graph.prepare.opset import raise_opset
from tests.graph import chain_cases, form_cases, linear_cases
from tests.model_helpers import (
    list_weights_as_inputs,
    op_types,
    parse,
    ports,
    random_feeds,
    run,
    save,
    set_weight,
)

SIZES = {"N": (2,), "H": (9,), "W": (11,), "T": (3,)}


def prepared(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    return ir.to_proto(prepare(load_model(save(model, folder)).ir))


def check_same(
    model: onnx.ModelProto, result: onnx.ModelProto, axes: Mapping[str, Sequence[int]] = SIZES
) -> None:
    """Compare numbers without the runtime's optimizations, of which some change them."""
    onnx.checker.check_model(result, full_check=True)
    assert ports(result) == ports(model)
    for feed in random_feeds(model, axes, count=2):
        expected, found = (run(it, feed, optimized=False) for it in (model, result))
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5)


CASES = {**linear_cases.CASES, **form_cases.CASES, **chain_cases.CASES}


@pytest.mark.parametrize("name", CASES)
def test_forms(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    text = f"({case.inputs}) => ({case.outputs}) <{case.weights}> {{ {case.body} }}".replace(
        "<>", ""
    )
    model = parse(text, opset=case.opset, ir=case.ir)
    result = prepared(model, tmp_path)
    assert op_types(result) == list(case.nodes)
    check_same(model, result)


def test_names_are_the_same_each_time(tmp_path: Path) -> None:
    model = parse("(float[N, 4] x) => (float[N, 4] y) { a = Tanh(x) b = Neg(a) y = Exp(b) }")
    for node in model.graph.node:
        node.name = ""
    model.graph.node[2].name = "Neg:b"
    first, second = prepared(model, tmp_path), prepared(model, tmp_path)
    names = [node.name for node in first.graph.node]
    assert names[0] == "Tanh:a"
    assert len(set(names)) == 3
    assert first == second


def test_constant_nodes_become_weights(tmp_path: Path) -> None:
    model = parse(
        "(float[N, 2] x) => (float[N, 2] y) { a = Constant<value = float[2] {1, 2}>() "
        "b = Constant<value_float = 3.0>() c = Add(x, a) y = Mul(c, b) }"
    )
    result = prepared(model, tmp_path)
    assert op_types(result) == ["Add", "Mul"]
    assert {tensor.name for tensor in result.graph.initializer} == {"a", "b"}
    check_same(model, result)


def test_functions_are_inlined_with_their_attributes(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        g (float[N, 4] x) => (float[N, 4] y)
            { a = own.twice<slope = 0.5>(x) y = own.twice<slope = 0.25>(a) }
        <domain: "own", opset_import: ["" : 17]>
        twice <slope> (i) => (o) { b = LeakyRelu<alpha: float = @slope>(i) o = Add(b, b) }"""
    )
    result = prepared(model, tmp_path)
    assert op_types(result) == ["LeakyRelu", "Add", "LeakyRelu", "Add"]
    assert len({node.name for node in result.graph.node}) == 4
    check_same(model, result)


def test_weights_leave_the_inputs(tmp_path: Path) -> None:
    model = parse("(float[N, 4] x) => (float[N, 8] y) <float[4, 8] w> { y = MatMul(x, w) }")
    list_weights_as_inputs(model)
    result = prepared(model, tmp_path)
    assert [value.name for value in result.graph.input] == ["x"]
    check_same(model, result)


def test_what_a_subgraph_reads_keeps_its_value(tmp_path: Path) -> None:
    model = parse(
        """(float[N, 4] x, bool c) => (float[N, 4] y, float[N, 4] i) {
            r = Relu(x)
            i = Identity(r)
            d = Dropout(i)
            y = If (c) <
                then_branch = yes () => (float[N, 4] t) { t = Add(d, i) },
                else_branch = no () => (float[N, 4] e) { k = Identity(x) e = Sub(k, d) }
            >
        }"""
    )
    result = prepared(model, tmp_path)
    assert op_types(result) == ["Relu", "If"]
    check_same(model, result)


CHAIN = (
    "(float[N, 4, H, W] x) => (float[N, 5] y) <float[8, 4, 3, 3] w, float[8] b, float[8] g, "
    "float[8] o, float[8] m, float[8] v = {1, 2, 0.5, 1, 3, 1, 0.1, 4}, float[8, 5] k, float[5] l> "
    "{ a = Conv(x, w, b) n = BatchNormalization(a, g, o, m, v) r = Relu(n) "
    "p = MaxPool<kernel_shape = [2, 2]>(r) q = GlobalAveragePool(p) d = Dropout(q) "
    "f = Flatten(d) h = Gemm(f, k, l) y = Softmax<axis = 1>(h) }"
)


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 18, 26])
def test_opsets(tmp_path: Path, opset: int) -> None:
    model = parse(CHAIN, opset=opset, ir=13 if opset == 26 else 8)
    result = prepared(model, tmp_path)
    assert result.opset_import[0].version == max(opset, MIN_OPSET)
    assert op_types(result) == [
        *["Conv", "Relu", "MaxPool", "GlobalAveragePool", "Flatten", "Gemm", "Softmax"]
    ]
    check_same(model, result)


NEWEST = onnx.defs.onnx_opset_version()


@pytest.mark.parametrize(
    ("body", "opset"),
    [("y = Relu(x)", 26), ("r = Relu(x) y = CumSum(r, axis)", 26), ("y = Celu(x)", NEWEST)],
)
def test_a_newer_opset_of_the_same_operators(tmp_path: Path, body: str, opset: int) -> None:
    """Celu is another operator since opset 28, so that a model with it stays what it is."""
    if NEWEST < 28:
        pytest.skip("this onnx knows no opset after 27")
    text = f"(float[4] x) => (float[4] y) <int64 axis = {{0}}> {{ {body} }}"
    result = prepared(parse(text, opset=NEWEST, ir=13), tmp_path)
    assert result.opset_import[0].version == opset


def test_raising_keeps_large_weights_as_they_are(tmp_path: Path) -> None:
    text = "(float[N, 64] x) => (float[N, 64] y) <float[64, 64] w> { a = MatMul(x, w) y = Relu(a) }"
    model = parse(text, opset=9)
    weights = np.random.default_rng(3).standard_normal((64, 64)).astype(np.float32)
    set_weight(model, "w", weights)
    result = prepared(model, tmp_path)
    (tensor,) = result.graph.initializer
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), weights)


def test_an_operator_that_cannot_be_raised(tmp_path: Path) -> None:
    text = (
        "(float[N, 4] x) => (float[N, 4] y) <float[4] k> { y = Add<axis = 1, broadcast = 1>(x, k) }"
    )
    path = save(parse(text, opset=6), tmp_path)
    with pytest.raises(UnsupportedError) as caught:
        prepare(load_model(path).ir)
    assert str(caught.value).startswith("the model has opset 6 and cannot be raised to 13: ")
    assert caught.value.hint == "export the model again with opset 13 or newer"


def test_an_output_of_a_wrong_rank_gets_the_right_one_with_a_newer_opset(tmp_path: Path) -> None:
    """From opset 13 on the rank of what Reshape gives is inferred, where it was not before."""
    text = """(float[N, 4] x, int64[3] s) => (float[1, L] y, float[N, 4] z)
        { r = Relu(x) y = Reshape(r, s) z = Neg(r) }"""
    model = parse(text, opset=12, ir=7)
    onnx.checker.check_model(model, full_check=True)
    raised = ir.to_proto(raise_opset(load_model(save(model, tmp_path)).ir, 22))
    onnx.checker.check_model(raised, full_check=True)
    y, z = (output.type.tensor_type.shape.dim for output in raised.graph.output)
    assert len(y) == 3
    assert [z[0].dim_param, z[1].dim_value] == ["N", 4]


def test_an_output_keeps_its_shape_when_the_node_before_goes(tmp_path: Path) -> None:
    text = """(float[N, 4] x, int64[R] s) => (float[M, 2] y)
        { r = Reshape(x, s) i = Identity(r) y = Dropout(i) }"""
    made = prepared(parse(text), tmp_path)
    assert op_types(made) == ["Reshape"]
    axes = made.graph.output[0].type.tensor_type.shape.dim
    assert [axes[0].dim_param, axes[1].dim_value] == ["M", 2]


@pytest.mark.parametrize(("key", "width"), [("", 64), ("k", 128)])
def test_operators_of_the_runtime_give_what_they_read(tmp_path: Path, key: str, width: int) -> None:
    text = f"""(float[B, S, 128] x, float[B, S, 32] k, float[B, 1, P, 32] p, int32[B] l, int32 t)
        => (float[B, S, 8] y, float[B, 1, T, 32] c, float[B, 1, T, 32] d)
        <float[128] s, float[{width}, 8] w> {{
            n = SimplifiedLayerNormalization(x, s)
            a, c, d = com.microsoft.GroupQueryAttention<
                num_heads = {width // 32}, kv_num_heads = 1>(n, {key}, {key}, p, p, l, t)
            y = MatMul(a, w)
        }}"""
    model = prepare(load_model(save(parse(text), tmp_path)).ir)
    shapes = {value.name: value.shape for node in model.graph for value in node.outputs}
    assert list(shapes["n"] or ()) == ["B", "S", 128]
    assert list(shapes["a"] or ()) == ["B", "S", width]


def test_a_constant_without_a_name(tmp_path: Path) -> None:
    model = parse(
        "(float[2] x) => (float[2] y) { c = Constant<value = float {1.0}>() y = Relu(x) }"
    )
    model.graph.node[0].output[0] = ""
    assert [node.op_type for node in normalize(read_model(save(model, tmp_path))).graph] == ["Relu"]


def test_sizes_that_are_chosen_by_a_float_are_left_to_the_runtime() -> None:
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2,3] x) => (float[2,3] y) '
        "<float i = {1.0}> { s = Shape(x) d = Gather(s, i) t = Expand(x, d) y = Neg(t) }"
    )
    assert "Gather" in [node.op_type for node in prepare(model).graph]
