"""Graphs of every shape: subgraphs, several ports, constants in all places, odd names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.pipeline import convert
from tests.model_helpers import (
    convert_model,
    data,
    list_weights_as_inputs,
    op_types,
    parse,
    random_feeds,
    save,
    sqnr,
)
from tests.zoo.zoo_helpers import (
    IMAGE,
    MAP,
    NO_KERNEL,
    SAME,
    SIZES,
    UNREAD,
    Case,
    check,
    check_converted,
)

A = f"a = Conv{SAME}(x, w, b)"
R = f"{A} r = Relu(a)"
Z = "float[M, 8, K, L] z"
SWITCH = f"{IMAGE}, bool c"
OUTSIDE = "it reads a value from outside of its body, which is in float there"
IF = {"Neg": f"{NO_KERNEL} Neg"}


def branches(captured: str, other: str, shape: str = "M, 8, K, L") -> str:
    return (
        f"If (c) <then_branch = yes () => (float[{shape}] t) {{ t = Relu({captured}) }}, "
        f"else_branch = no () => (float[{shape}] e) {{ e = Neg({other}) }}>"
    )


SUBGRAPHS = {
    "if between convolutions": Case(
        f"{A} s = {branches('a', 'a')} y = Conv{SAME}(s, w2, b2)",
        inputs=SWITCH,
        kept={**IF, "Relu": OUTSIDE},
    ),
    "if beside a convolution": Case(
        f"{R} z = {branches('r', 'r')} y = Conv{SAME}(r, w2, b2)",
        inputs=SWITCH,
        outputs=f"{MAP}, {Z}",
        kept={**IF, "Relu": OUTSIDE},
    ),
    "if that captures an input": Case(
        f"{A} z = {branches('x', 'x', 'M, 4, K, L')} y = Conv{SAME}(a, w2, b2)",
        inputs=SWITCH,
        outputs=f"{MAP}, float[M, 4, K, L] z",
        kept={**IF, "Relu": OUTSIDE},
    ),
    "if that captures a weight": Case(
        f"{A} z = {branches('w2', 'w2', '8, 8, 3, 3')} y = Conv{SAME}(a, w2, b2)",
        inputs=SWITCH,
        outputs=f"{MAP}, float[8, 8, 3, 3] z",
        kept={**IF, "Relu": "its data is a constant table"},
    ),
    "if that chooses a weight": Case(
        f"{A} z = {branches('w2', 'w2', '8, 8, 3, 3')} y = Conv{SAME}(a, z, b2)",
        inputs=SWITCH,
        kept={
            **IF,
            "Relu": "its data is a constant table",
            "Conv": "its weight is computed at run time",
        },
    ),
    "if that captures what an Identity hands on": Case(
        f"{A} i = Identity(a) z = {branches('i', 'a')} y = Conv{SAME}(i, w2, b2)",
        inputs=SWITCH,
        outputs=f"{MAP}, {Z}, float[M, 8, K, L] i",
        kept={**IF, "Relu": OUTSIDE},
    ),
    "if that captures an input through an Identity": Case(
        f"i = Identity(x) a = Conv{SAME}(i, w, b) z = {branches('i', 'x', 'M, 4, K, L')} "
        f"y = Conv{SAME}(a, w2, b2)",
        inputs=SWITCH,
        outputs=f"{MAP}, float[M, 4, K, L] z",
        kept={**IF, "Relu": OUTSIDE},
    ),
    "if that captures a folded BatchNormalization": Case(
        f"{A} n = BatchNormalization(a, b, b, b, v) z = {branches('n', 'n')} y = Conv{SAME}(n, w2)",
        "float[8] v = {1, 2, 1, 1, 2, 1, 1, 1}",
        inputs=SWITCH,
        outputs=f"{MAP}, {Z}",
        kept={**IF, "Relu": OUTSIDE},
    ),
    "if with a constant": Case(
        f"{A} y = If (c) <then_branch = yes () => (float[M, 8, K, L] t) "
        "{ k = Constant<value = float[1] {2.0}>() t = Mul(a, k) }, "
        "else_branch = no () => (float[M, 8, K, L] e) { e = Neg(a) }>",
        inputs=SWITCH,
        kept={**IF, "Mul": OUTSIDE},
    ),
    "if with a convolution": Case(
        f"{R} y = If (c) <then_branch = yes () => (float[M, 8, K, L] t) "
        f"{{ t = Conv{SAME}(r, w2, b2) }}, "
        "else_branch = no () => (float[M, 8, K, L] e) { e = Identity(r) }>",
        inputs=SWITCH,
        kept={"Identity": f"{NO_KERNEL} Identity"},
    ),
    "if whose branches reuse names": Case(
        f"{A} s = If (c) <then_branch = yes () => (float[M, 8, K, L] d) {{ d = Relu(a) }}, "
        "else_branch = no () => (float[M, 8, K, L] d) { d = Neg(a) }> "
        f"y = Conv{SAME}(s, w2, b2)",
        inputs=SWITCH,
        kept={**IF, "Relu": OUTSIDE},
    ),
    "loop": Case(
        f"{R} s = Loop(n,, a) <body = step (int64 i, bool go, float[M, 8, K, L] before) => "
        "(bool on, float[M, 8, K, L] after) { on = Identity(go) after = Add(before, r) }> "
        f"y = Conv{SAME}(s, w2, b2)",
        "int64 n = {3}",
        kept={
            "Relu": UNREAD,
        },
    ),
    "scan": Case(
        f"{A} s = ReduceSum<keepdims = 0>(a, i) f, z = Scan<num_scan_inputs = 1, "
        "body = step (float[M, 8, L] before, float[M, 8, L] row) => "
        "(float[M, 8, L] after, float[M, 8, L] made) "
        "{ after = Add(before, row) made = Mul(before, row) }, scan_input_axes = [2]>(s, a) "
        f"y = Conv{SAME}(a, w2, b2)",
        "int64[1] i = {2}",
        outputs=f"{MAP}, float[T, M, 8, L] z",
        kept={"ReduceSum": f"{NO_KERNEL} ReduceSum"},
    ),
}


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_subgraphs(tmp_path: Path, name: str) -> None:
    check(SUBGRAPHS[name], tmp_path)


PORTS = {
    "a convolution that is an output": Case(
        f"{A} y = Conv{SAME}(a, w2)", outputs=f"{MAP}, float[M, 8, K, L] a"
    ),
    "a relu that is an output": Case(
        f"{R} y = Conv{SAME}(r, w2)", outputs=f"{MAP}, float[M, 8, K, L] r"
    ),
    "a convolution before a relu that is an output": Case(
        f"{R} y = Conv{SAME}(r, w2)",
        outputs=f"{MAP}, float[M, 8, K, L] a",
    ),
    "one value under two names": Case(
        f"{A} y = Identity(a) z = Identity(a)",
        outputs=f"{MAP}, {Z}",
        kept={"Identity": f"{NO_KERNEL} Identity"},
    ),
    "an input that is an output": Case(
        f"{A} y = Relu(a) z = Identity(x)",
        outputs=f"{MAP}, float[N, 4, H, W] z",
        kept={"Identity": f"{NO_KERNEL} Identity"},
    ),
    "a constant that is an output": Case(
        f"{A} y = Relu(a) z = Identity(b)",
        outputs=f"{MAP}, float[8] z",
        kept={"Identity": f"{NO_KERNEL} Identity"},
    ),
    "several inputs": Case(
        f"{A} d = Conv{SAME}(u, w2, b2) y = Add(a, d) z = Cast<to = 1>(n)",
        inputs=f"{IMAGE}, float[N, 8, H, W] u, int64[T] n",
        outputs=f"{MAP}, float[T] z",
        kept={"Cast": f"{NO_KERNEL} Cast"},
    ),
    "nodes that nothing reads": Case(f"{A} d = Conv{SAME}(a, w2) e = Tanh(a) y = Relu(a)"),
    "weights that two convolutions share": Case(
        f"{A} d = Conv{SAME}(a, w2, b2) y = Conv{SAME}(d, w2, b2)"
    ),
    "weights that a sum reads": Case(
        f"{A} d = Conv{SAME}(a, w2, b2) e = ReduceSum<keepdims = 0>(w2) y = Mul(d, e)"
    ),
    "weights in Constant nodes": Case(
        "k = Constant<value = float[1, 4, 1, 1] {1.0, -2.0, 0.5, 0.25}>() "
        "l = Constant<value_floats = [0.5]>() a = Conv(x, k, l) y = Relu(a)",
        outputs="float[N, 1, H, W] y",
    ),
    "weights that are computed": Case(
        f"k = Mul(w2, w2) d = Conv{SAME}(x, w) e = Conv{SAME}(d, k) y = Relu(e)"
    ),
    "bytes as input": Case(
        f"f = Cast<to = 1>(x) s = Mul(f, k) y = Conv{SAME}(s, w, b)",
        "float k = {0.1}",
        inputs="uint8[N, 4, H, W] x",
        kept={"Cast": f"{NO_KERNEL} Cast"},
    ),
    "float16 ports": Case(
        f"f = Cast<to = 1>(x) d = Conv{SAME}(f, w, b) y = Cast<to = 10>(d)",
        inputs="float16[N, 4, H, W] x",
        outputs="float16[M, 8, K, L] y",
        kept={"Cast": "it gives float16, not float32"},
    ),
}


@pytest.mark.parametrize("name", PORTS)
def test_ports_and_constants(tmp_path: Path, name: str) -> None:
    check(PORTS[name], tmp_path)


RESIDUAL = Case(f"{R} c = Conv{SAME}(r, w2, b2) s = Add(c, r) y = Relu(s)")


def test_nameless_nodes(tmp_path: Path) -> None:
    model = parse(RESIDUAL.text)
    for node in model.graph.node:
        node.name = ""
    check_converted(convert_model(model, tmp_path, axes=SIZES), RESIDUAL)


@pytest.mark.parametrize("opset", [7, 13])
def test_weights_among_the_inputs(tmp_path: Path, opset: int) -> None:
    model = parse(RESIDUAL.text, opset=opset)
    list_weights_as_inputs(model)
    found = convert_model(model, tmp_path, axes=SIZES)
    check_converted(found, RESIDUAL)
    assert [value.name for value in found.proto().graph.input] == ["x"]


def test_external_data(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        parse(RESIDUAL.text),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=64,
    )
    assert (tmp_path / "weights.bin").stat().st_size > 1000
    found = convert_model(path, tmp_path, axes=SIZES)
    check_converted(found, RESIDUAL)


def test_functions_of_the_model_itself(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        g (float[N, 4, H, W] x, float[8, 4, 3, 3] w) => (float[M, 8, K, L] y)
            { y = own.block(x, w) }
        <domain: "own", opset_import: ["" : 17]>
        block (i, k) => (o) { a = Conv<pads = [1, 1, 1, 1]>(i, k) o = Relu(a) }"""
    model = onnx.parser.parse_model(text)
    weights = np.random.default_rng(0).standard_normal((8, 4, 3, 3)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    found = convert_model(model, tmp_path, axes=SIZES)
    assert found.quantized == ["Conv", "Relu"]
    assert found.sqnr["y"] > 30


def test_declared_shapes_that_are_wrong(tmp_path: Path) -> None:
    path = save(
        parse(f"({IMAGE}) => (float[1] y) <float[8, 4, 3, 3] w> {{ y = Conv(x, w) }}"), tmp_path
    )
    with pytest.raises(Exception, match="differ in rank"):
        onnx.checker.check_model(str(path), full_check=True)
    feeds = random_feeds(onnx.load(path), SIZES)
    convert(path, tmp_path / "int8.onnx", data=data(feeds))
    assert "QuantizeLinear" in op_types(onnx.load(tmp_path / "int8.onnx"))


def test_ports_of_unknown_rank(tmp_path: Path) -> None:
    text = "(float[] x) => (float[] y) <float[8, 4, 3, 3] w> { a = Conv(x, w) y = Relu(a) }"
    model = parse(text)
    assert not model.graph.input[0].type.tensor_type.HasField("shape")
    feeds = [{"x": np.random.default_rng(0).standard_normal((1, 4, 9, 9)).astype(np.float32)}] * 2
    path, output = save(model, tmp_path), tmp_path / "int8.onnx"
    convert(path, output, data=data(feeds))
    assert sqnr(path, output, feeds)["y"] > 30
