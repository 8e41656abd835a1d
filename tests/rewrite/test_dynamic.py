"""INT8 whose inputs are quantized at run time: what is written, and what it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import ModelError, NothingQuantized
from qconv.pipeline import convert
from qconv.recipe.settings import DynamicSettings
from qconv.runtime.audit import audit_fusion
from tests.model_helpers import parse, said, save, set_weight
from tests.rewrite.dynamic_helpers import close, converted, operators, running

ROWS, OUT = "float[N, 64] x", "float[N, 32] y"
LSTM_WEIGHTS = "float[1, 128, 64] w, float[1, 128, 32] r, float[1, 256] b"


PRODUCTS = {
    "matrix": "<float[64, 32] w> { y = MatMul(x, w) }",
    "matrix and bias": "<float[64, 32] w, float[32] b> { p = MatMul(x, w) y = Add(p, b) }",
    "gemm": "<float[64, 32] w, float[32] b> { y = Gemm(x, w, b) }",
    "gemm of rows": "<float[32, 64] w, float[1, 32] b> { y = Gemm<transB = 1>(x, w, b) }",
    "gemm with factors": "<float[32, 64] w, float[32] b>"
    "{ y = Gemm<transB = 1, alpha = 0.5, beta = -2.0>(x, w, b) }",
    "gemm with a computed bias": "<float[64, 32] w>"
    "{ b = Gemm(x, w) c = Tanh(b) y = Gemm<beta = 0.5>(x, w, c) }",
    "gemm of a turned input": "<float[64, 32] w>"
    "{ t = Transpose<perm = [1, 0]>(x) u = Relu(t) y = Gemm<transA = 1>(u, w) }",
    "constant nodes": "{ w = Constant<value = float[64, 32] {"
    + ", ".join(["0.5", "1"] * 1024)
    + "}>() y = MatMul(x, w) }",
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(tmp_path: Path, name: str) -> None:
    model = parse(f"({ROWS}) => ({OUT}) {PRODUCTS[name]}")
    conversion = converted(model, tmp_path)
    close(model, conversion)
    audit = audit_fusion(conversion.path)
    assert audit.integer == audit.quantized >= 1
    found = running(conversion.path, tmp_path)
    assert {"MatMulInteger", "MatMul", "Gemm"}.isdisjoint(found)
    assert {"DynamicQuantizeMatMul", "MatMulIntegerToFloat"}.intersection(found)


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 21, 24, 26])
def test_opsets(tmp_path: Path, opset: int) -> None:
    model = parse(
        f"({ROWS}) => ({OUT}) <float[64, 32] w, float[32] b> {{ y = Gemm(x, w, b) }}", opset=opset
    )
    close(model, converted(model, tmp_path))


def test_products_of_one_value_share_its_integers(tmp_path: Path) -> None:
    model = parse(
        "(float[N, T, 64] x) => (float[N, T, 32] q, float[N, T, 32] k, float[N, T, 32] v)"
        "<float[64, 32] a, float[64, 32] b, float[64, 32] c>"
        "{ q = MatMul(x, a) k = MatMul(x, b) v = MatMul(x, c) }"
    )
    conversion = converted(model, tmp_path)
    close(model, conversion)
    found = list(operators(onnx.load(conversion.path).graph))
    assert (found.count("DynamicQuantizeLinear"), found.count("MatMulInteger")) == (1, 3)
    assert running(conversion.path, tmp_path).count("MatMulIntegerToFloat") == 3


def test_a_weight_that_two_products_share_is_written_once(tmp_path: Path) -> None:
    model = parse(
        "(float[N, T, 64] x) => (float[N, T, 64] y) <float[64, 64] w>"
        "{ a = MatMul(x, w) r = Relu(a) y = MatMul(r, w) }"
    )
    written = onnx.load(converted(model, tmp_path).path)
    assert [list(t.dims) for t in written.graph.initializer if t.data_type == 3] == [[64, 64], []]


@pytest.mark.parametrize("portable", [True, False])
def test_sums_of_16_bits_do_not_saturate(tmp_path: Path, portable: bool) -> None:
    model = parse(f"({ROWS}) => ({OUT}) <float[64, 32] w> {{ y = MatMul(x, w) }}")
    set_weight(model, "w", np.full((64, 32), 0.5, np.float32))
    conversion = converted(model, tmp_path, DynamicSettings(portable=portable))
    (weight,) = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(conversion.path).graph.initializer
        if list(tensor.dims) == [64, 32]
    ]
    pairs = weight[0::2].astype(int) + weight[1::2]
    assert bool(255 * np.abs(pairs).max() <= 32767) is portable


LSTMS = {
    "forward": ("", "x, w, r, b", "1", "y"),
    "no bias": ("", "x, w, r", "1", "y"),
    "all outputs": ("", "x, w, r, b", "1", "y, h, c"),
    "last state": ("", "x, w, r, b", "1", ", h, c"),
    "lengths and state": ("", "x, w, r, b, l, i, j", "1", "y, h"),
    "peepholes": ("", "x, w, r, b, , , , p", "1", "y"),
    "backward": ('direction = "reverse",', "x, w, r, b", "1", "y"),
    "both ways": ('direction = "bidirectional",', "x, w, r, b", "2", "y"),
    "other activations": (
        'activations = ["HardSigmoid", "Relu", "Tanh"], clip = 2.0,',
        "x, w, r, b",
        "1",
        "y",
    ),
}


@pytest.mark.parametrize("name", LSTMS)
def test_lstm(tmp_path: Path, name: str) -> None:
    attributes, inputs, ways, outputs = LSTMS[name]
    shapes = {
        "y": f"float[S, {ways}, N, 32] y",
        "h": f"float[{ways}, N, 32] h",
        "c": f"float[{ways}, N, 32] c",
    }
    wanted = ", ".join(shapes[out] for out in outputs.split(", ") if out.strip(" ,") in shapes)
    weights = LSTM_WEIGHTS.replace("[1,", f"[{ways},")
    model = parse(
        f"(float[S, N, 64] x) => ({wanted}) <{weights}, int32[3] l = {{4, 2, 3}},"
        f"float[{ways}, 3, 32] i, float[{ways}, 3, 32] j, float[{ways}, 96] p>"
        f"{{ {outputs} = LSTM<{attributes} hidden_size = 32>({inputs}) }}"
    )
    conversion = converted(model, tmp_path)
    close(model, conversion, least=25.0)
    assert "DynamicQuantizeLSTM" in running(conversion.path, tmp_path)
    assert [node.op_type for node in conversion.plan.quantized] == ["LSTM"]


NO_KERNEL = "its weights are stored in INT8, and it computes in float: "
STORED = {
    "GRU": (
        "(float[S, N, 64] x) => (float[S, 1, N, 32] y) <float[1, 96, 64] w, float[1, 96, 32] r>"
        "{ y = GRU<hidden_size = 32>(x, w, r) }",
        "ONNX Runtime has no integer kernel for this operator",
    ),
    "RNN": (
        "(float[S, N, 64] x) => (float[S, 1, N, 32] y) <float[1, 32, 64] w, float[1, 32, 32] r>"
        "{ y = RNN<hidden_size = 32>(x, w, r) }",
        "ONNX Runtime has no integer kernel for this operator",
    ),
    "Conv": (
        "(float[N, 32, H, W] x) => (float[N, 32, H, W] y) <float[32, 32, 3, 3] w>"
        "{ y = Conv<pads = [1, 1, 1, 1]>(x, w) }",
        "convolutions with inputs quantized at run time are slower than float on CPUs",
    ),
    "ConvTranspose": (
        "(float[N, 32, H, W] x) => (float[N, 32, L, K] y) <float[32, 32, 3, 3] w>"
        "{ y = ConvTranspose(x, w) }",
        "ONNX Runtime has no integer kernel for this operator",
    ),
    "MatMul": (
        "(float[2, N, 64] x) => (float[2, N, 32] y) <float[2, 64, 32] w> { y = MatMul(x, w) }",
        "its weight has 3 axes; the integer kernel needs a matrix",
    ),
}


@pytest.mark.parametrize("op", STORED)
def test_what_has_no_kernel_is_stored(tmp_path: Path, op: str) -> None:
    text, reason = STORED[op]
    model = parse(text)
    conversion = converted(model, tmp_path)
    close(model, conversion, least=35.0)
    assert conversion.size_bytes < 0.5 * conversion.float_bytes
    (node,) = conversion.plan.kept_float
    assert (node.op_type, node.reason) == (op, NO_KERNEL + reason)
    assert said(conversion)[0].endswith(f"{op} stored in int8, unpacked when the model is loaded")


def test_embeddings(tmp_path: Path) -> None:
    model = parse(
        "(int64[N, T] i) => (float[N, T, 32] y) <float[100, 64] e, float[64, 32] w>"
        "{ x = Gather(e, i) y = MatMul(x, w) }"
    )
    conversion = converted(model, tmp_path)
    close(model, conversion)
    assert "1 embedding stored in int8" in said(conversion)
    kept = converted(model, tmp_path, DynamicSettings(embeddings="float"))
    assert kept.size_bytes > conversion.size_bytes + 15000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(float[N, 4] x) => (float[N, 4] y) { y = Tanh(x) }", ""),
        (
            "(float[N, 4] x) => (float[N, N] y) "
            "{ t = Transpose<perm = [1, 0]>(x) y = MatMul(x, t) }",
            "; 1 x MatMul: it multiplies two activations; only products with weights are quantized",
        ),
    ],
)
def test_nothing_to_quantize(tmp_path: Path, text: str, reason: str) -> None:
    path = save(parse(text), tmp_path)
    with pytest.raises(NothingQuantized) as caught:
        convert(path, tmp_path / "d.onnx", settings=DynamicSettings())
    assert str(caught.value) == (f"{path}: no operator has weights that can be quantized{reason}")
    assert not (tmp_path / "d.onnx").exists()


def test_a_weight_that_is_not_finite(tmp_path: Path) -> None:
    model = parse(f"({ROWS}) => ({OUT}) <float[64, 32] w> {{ y = MatMul(x, w) }}")
    set_weight(model, "w", np.full((64, 32), np.nan, np.float32))
    with pytest.raises(ModelError, match="the weight 'w' holds NaN or Inf"):
        converted(model, tmp_path)


def test_written_twice_it_has_the_same_bytes(tmp_path: Path) -> None:
    model = parse(f"({ROWS}) => ({OUT}) {PRODUCTS['gemm with factors']}")
    first = converted(model, tmp_path).path.read_bytes()
    assert converted(model, tmp_path).path.read_bytes() == first
