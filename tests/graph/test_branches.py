"""If nodes that always go the same way give way to the branch that is taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from qconv.errors import UnsupportedError
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from tests.model_helpers import Array, op_types, parse, ports, run, save

ROWS = "float[N, 4] x"
OUT = "float[N, 4] y"
BOTH = (
    "then_branch = yes () => (float[N, 4] t) {{ {} }}, "
    "else_branch = no () => (float[N, 4] e) {{ {} }}"
)
RELU_OR_NEG = "<" + BOTH.format("t = Relu(x)", "e = Neg(x)") + ">"
W = "w = Constant<value = float[2] {3, 4}>() p = Concat<axis = 0>(w, w)"
SAME_NAMES = "<" + BOTH.format(f"{W} t = Mul(x, p)", f"{W} e = Max(x, p)") + ">"
SQUEEZE = (
    "s = Shape(x) i = Constant<value = int64 {1}>() d = Gather(s, i)"
    "o = Constant<value = int64 {1}>()"
    "c = Equal(d, o) a = Constant<value = int64[1] {1}>()"
    "q = If(c) <then_branch = yes () => (float[N, 4] t) { t = Squeeze(x, a) },"
    "else_branch = no () => (float[N, T, 4] e) { e = Identity(x) }>"
)


def prepared(model: onnx.ModelProto, folder: Path, **assumed: str) -> onnx.ModelProto:
    return ir.to_proto(prepare(load_model(save(model, folder), assume=assumed).ir))


def check(
    model: onnx.ModelProto,
    result: onnx.ModelProto,
    feeds: Mapping[str, Array],
    fixed: Mapping[str, Array],
) -> None:
    onnx.checker.check_model(result, full_check=True)
    expected, found = run(model, {**feeds, **fixed}), run(result, feeds)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6)


X = {"x": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)}


@pytest.mark.parametrize("opset", [7, 11, 13, 18, 23, 26])
@pytest.mark.parametrize(("value", "taken"), [(1, "Relu"), (0, "Neg")])
def test_a_constant_condition(tmp_path: Path, opset: int, value: int, taken: str) -> None:
    model = parse(
        f"({ROWS}) => ({OUT}) <bool c = {{{value}}}> {{ y = If(c) {RELU_OR_NEG} }}", opset=opset
    )
    result = prepared(model, tmp_path)
    assert op_types(result) == [taken]
    check(model, result, X, {})


@pytest.mark.parametrize(("mode", "taken"), [("3", "Mul"), ("2", "Max")])
def test_an_assumed_input_decides(tmp_path: Path, mode: str, taken: str) -> None:
    """Constants in the branches are folded and lifted; equal names in both are no trouble."""
    model = parse(
        f"({ROWS}, int64 mode) => ({OUT}) <int64 three = {{3}}>"
        f"{{ c = Equal(mode, three) y = If(c) {SAME_NAMES} }}"
    )
    result = prepared(model, tmp_path, mode=mode)
    assert op_types(result) == [taken]
    assert [info.name for info in result.graph.input] == ["x"]
    assert [list(tensor.dims) for tensor in result.graph.initializer] == [[4]]
    check(model, result, X, {"mode": np.array(int(mode))})


def test_an_open_condition_stays_and_its_branches_are_folded(tmp_path: Path) -> None:
    model = parse(f"({ROWS}, bool c) => ({OUT}) {{ y = If(c) {SAME_NAMES} }}")
    result = prepared(model, tmp_path)
    (node,) = result.graph.node
    bodies = [attribute.g for attribute in node.attribute]
    assert [op_types_of(body) for body in bodies] == [["Mul"], ["Max"]]
    names = [tensor.name for body in bodies for tensor in body.initializer]
    assert len(names) == len(set(names)) == 2
    for value in (True, False):
        feeds = {**X, "c": np.array(value)}
        check(model, result, feeds, {})


def op_types_of(graph: onnx.GraphProto) -> list[str]:
    return [node.op_type for node in graph.node]


def test_nested_branches_with_captured_values(tmp_path: Path) -> None:
    inner = (
        "t = If(d) <"
        + BOTH.format("t = Add(a, x)", "e = Sub(a, x)")
        .replace("(float[N, 4] t)", "(float[N, 4] v)")
        .replace("t = Add", "v = Add")
        + ">"
    )
    outer = (
        f"<then_branch = a () => (float[N, 4] t) {{ a = Abs(x) {inner} }}, "
        "else_branch = b () => (float[N, 4] f) { f = Neg(x) }>"
    )
    model = parse(f"({ROWS}, bool c, bool d) => ({OUT}) {{ y = If(c) {outer} }}")
    result = prepared(model, tmp_path, c="true", d="false")
    assert op_types(result) == ["Abs", "Sub"]
    check(model, result, X, {"c": np.array(True), "d": np.array(False)})
    open_inner = prepared(model, tmp_path, c="true")
    assert op_types(open_inner) == ["Abs", "If"]
    check(model, open_inner, {**X, "d": np.array(True)}, {"c": np.array(True)})


def test_an_output_that_is_an_outer_value_keeps_its_name(tmp_path: Path) -> None:
    taken, other = "(float[N, 4] t) { t = Identity(x) }", "(float[N, 4] e) { e = Neg(x) }"
    choice = f"If(c) <then_branch = yes () => {taken}, else_branch = no () => {other}>"
    model = parse(
        f"({ROWS}) => ({OUT}, float[N, 4] z) <bool c = {{1}}> {{ y = {choice} z = {choice} }}"
    )
    result = prepared(model, tmp_path)
    assert ports(result) == ports(model)
    check(model, result, X, {})


def test_a_condition_in_a_loop(tmp_path: Path) -> None:
    model = parse(
        f"({ROWS}) => ({OUT}) <int64 n = {{3}}, bool go = {{1}}, bool c = {{0}}>"
        "{ y = Loop(n, go, x) <body = step (int64 i, bool on, float[N, 4] s) => "
        "(bool more, float[N, 4] r) { more = Identity(on) r = If(c) <"
        + BOTH.format("t = Relu(s)", "e = Exp(s)")
        + "> }> }"
    )
    result = prepared(model, tmp_path)
    (loop,) = result.graph.node
    body = next(attribute.g for attribute in loop.attribute if attribute.name == "body")
    assert "If" not in op_types_of(body)
    assert "Exp" in op_types_of(body)
    check(model, result, {"x": -np.abs(X["x"])}, {})


def test_a_loop_that_nothing_reads_leaves_its_weights_free(tmp_path: Path) -> None:
    text = (
        "(float[N, 4] x) => (float[N, 4] h) <float[4, 4] w, int64 m = {2}, bool c = {1}> { "
        "h = MatMul(x, w) y = Loop(m, c, h) <body = t (int64 i, bool d, float[N, 4] a) => "
        "(bool e, float[N, 4] b) { e = Identity(d) b = MatMul(a, w) }> }"
    )
    model = prepare(load_model(save(parse(text), tmp_path)).ir)
    assert model.graph.num_nodes() == 1
    assert len(model.graph.initializers["w"].uses()) == 1
    assert list(model.graph.initializers) == ["w"]


def test_a_branch_that_fits_nothing_behind_it(tmp_path: Path) -> None:
    """The rank of Identity's result would be 3, which no Gemm takes."""
    model = parse(f"(float[N, T, 4] x) => ({OUT}) <float[4, 4] w> {{ {SQUEEZE} y = Gemm(q, w) }}")
    assert op_types(prepared(model, tmp_path)) == ["Squeeze", "Gemm"]


def test_a_branch_that_fits_stays(tmp_path: Path) -> None:
    model = parse(f"(float[N, T, 4] x) => (float y) {{ {SQUEEZE} y = ReduceSum<keepdims = 0>(q) }}")
    assert "If" in op_types(prepared(model, tmp_path))


def test_known_sizes_of_open_shapes(tmp_path: Path) -> None:
    model = parse(
        f"({ROWS}) => ({OUT}) {{ s = Shape(x) i = Constant<value = int64 {{-1}}>()"
        " z = Gather(s, i) f = Constant<value = int64 {4}>() c = Equal(z, f)"
        f" y = If(c) {RELU_OR_NEG} }}"
    )
    assert op_types(prepared(model, tmp_path)) == ["Relu"]


def test_the_number_of_axes_is_known_though_the_sizes_are_not(tmp_path: Path) -> None:
    model = parse(
        f"({ROWS}) => ({OUT}) {{ s = Shape(x) z = Size(s) f = Constant<value = int64 {{3}}>()"
        f" c = Equal(z, f) y = If(c) {RELU_OR_NEG} }}"
    )
    assert op_types(prepared(model, tmp_path)) == ["Neg"]


def test_bodies_are_brought_into_form_too(tmp_path: Path) -> None:
    """BatchNormalization is folded, a sum of one is gone, MatMul and Add become Gemm."""
    body = (
        "{ c1 = Conv(x, k) n = BatchNormalization(c1, s, b, m, v) i = Identity(n) "
        "f = Flatten(i) p = MatMul(f, w) t = Add(p, b) }"
    )
    other = "{ g = Flatten(x) e = MatMul(g, u) }"
    model = parse(
        "(float[N, 3, 4, 4] x, bool c) => (float[N, 8] y) <float[8, 3, 4, 4] k, float[8] s,"
        "float[8] b, float[8] m, float[8] v = {1, 2, 3, 1, 2, 3, 1, 2}, float[8, 8] w,"
        "float[48, 8] u> { y = If(c) "
        f"<then_branch = a () => (float[N, 8] t) {body}, "
        f"else_branch = o () => (float[N, 8] e) {other}> }}"
    )
    result = prepared(model, tmp_path)
    bodies = [op_types_of(attribute.g) for attribute in result.graph.node[0].attribute]
    assert bodies == [["Conv", "Flatten", "Gemm"], ["Flatten", "Gemm"]]
    image = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    for value in (True, False):
        feeds = {"x": image, "c": np.array(value)}
        expected, found = (run(it, feeds)["y"] for it in (model, result))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_sequence_is_no_constant(tmp_path: Path) -> None:
    model = parse(
        f"({ROWS}) => ({OUT}) {{ s = SequenceEmpty() t = SequenceInsert(s, x)"
        " i = Constant<value = int64 {0}>() y = SequenceAt(t, i) }"
    )
    result = prepared(model, tmp_path)
    assert op_types(result)[0] == "SequenceEmpty"
    check(model, result, X, {})


def test_scan_of_opset_8_is_refused(tmp_path: Path) -> None:
    model = parse(
        "(float[N, 4] s, float[N, T, 4] x) => (float[N, 4] y, float[N, T, 4] z)"
        "{ y, z = Scan(, s, x) <num_scan_inputs = 1, body = b (float[4] a, float[4] e) => "
        "(float[4] c, float[4] d) { c = Add(a, e) d = Identity(c) }> }",
        opset=8,
    )
    with pytest.raises(UnsupportedError, match="opset 8, whose Scan has a batch axis"):
        prepared(model, tmp_path)
