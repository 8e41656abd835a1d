"""Operators that keep float32, or their own type, because of what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv import convert
from qconv.recipe.settings import Float32Settings, HalfSettings
from tests.model_helpers import parse, ports, run, save

X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)

BITS = """(float[4,4] x) => (int32[4,4] y, float[4,4] z) <float[4,4] w>
    { h = MatMul(x, w) z = Relu(h) y = BitCast<to = 6>(x) }"""
FROM_BITS = """(int32[4,4] i) => (float[4,4] y) <float[4,4] w>
    { x = BitCast<to = 1>(i) h = MatMul(x, w) y = Relu(h) }"""
SCATTER = """(float[4,4] x) => (float[4,4] y) <float[4,4] w, int64[1,1] at = {2}, float[1,4] u>
    { h = MatMul(x, w) y = ScatterND<reduction = "add">(h, at, u) }"""
ELEMENTS = """(float[4,4] x) => (float[4,4] y) <float[4,4] w, int64[1,4] at = {2,1,0,3},
    float[1,4] u> { h = MatMul(x, w) y = ScatterElements<reduction = "mul">(h, at, u) }"""
EYE = """(float[4,4] x) => (float[4,4] y) <float[4,4] w>
    { h = MatMul(x, w) i = Cast<to = 7>(h) e = EyeLike<dtype = 1>(i) y = Add(h, e) }"""


DROPOUT = """(float[4,4] x) => (float[4,4] y) <float[4,4] w, float r = {0.5}, bool t = {1}>
    { h = MatMul(x, w) d = Dropout<seed = 3>(h, r, t) y = Relu(d) }"""


@pytest.mark.parametrize(
    ("text", "operator", "reason"),
    [
        (BITS, "BitCast", "it reads the bits of its data"),
        (FROM_BITS, "BitCast", "it reads the bits of its data"),
        (SCATTER, "ScatterND", "ONNX Runtime has no kernel for its reduction in float16"),
        (ELEMENTS, "ScatterElements", "ONNX Runtime has no kernel for its reduction in float16"),
        (EYE, "EyeLike", "ONNX Runtime generates no float16 numbers"),
        (DROPOUT, "Dropout", "ONNX Runtime drops nothing in float16"),
    ],
    ids=["bits", "from bits", "ScatterND", "ScatterElements", "EyeLike", "Dropout"],
)
def test_it_stays_in_float32(text: str, operator: str, reason: str, tmp_path: Path) -> None:
    model = parse(text, opset=26, ir=13)
    output = tmp_path / "half.onnx"
    conversion = convert(save(model, tmp_path), output, settings=HalfSettings("fp16"))
    assert "Gemm" in {node.op_type for node in conversion.plan.quantized}
    kept = {node.op_type: node.reason for node in conversion.plan.kept_float}
    assert kept[operator] == reason
    name, kind = ports(model)[0]
    feeds = {name: X if kind == onnx.TensorProto.FLOAT else X.view(np.int32)}
    expected, found = run(model, feeds), run(output, feeds)
    for port, array in expected.items():
        np.testing.assert_allclose(found[port], array, atol=0.01)


def test_bits_of_float64_stay_when_the_rest_becomes_float32(tmp_path: Path) -> None:
    text = """(double[4,4] x) => (int64[4,4] y, double[4,4] z) <double[4,4] w>
        { h = MatMul(x, w) z = Relu(h) y = BitCast<to = 7>(h) }"""
    model = parse(text, opset=26, ir=13)
    output = tmp_path / "single.onnx"
    convert(save(model, tmp_path), output, settings=Float32Settings())
    found = run(output, {"x": X})
    expected = run(model, {"x": X.astype(np.float64)})
    bits = found["y"].view(np.float64)
    np.testing.assert_allclose(bits, expected["y"].view(np.float64), rtol=1e-5)
    np.testing.assert_array_equal(bits, np.float64(bits.astype(np.float32)))


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_a_constant_that_a_branch_gives_takes_the_type(dtype: str, tmp_path: Path) -> None:
    text = """(bool c, float[5] x) => (float[5] y) {
        b = If(c) <then_branch = t () => (float[5] one) {
                one = Constant<value = float[5] {1, 2, 3, 4, 5}>() },
            else_branch = e () => (float[5] two) {
                two = Constant<value_floats = [5.0, 4.0, 3.0, 2.0, 1.0]>() }>
        s = Add(b, x) e = Exp(x) y = Mul(s, e) }"""
    output = tmp_path / "half.onnx"
    settings = HalfSettings("fp16" if dtype == "fp16" else "bf16")
    convert(save(parse(text), tmp_path), output, settings=settings)
    onnx.checker.check_model(str(output), full_check=True)
    if dtype == "fp16":
        x = np.zeros(5, np.float32)
        for taken, expected in ((True, [1, 2, 3, 4, 5]), (False, [5, 4, 3, 2, 1])):
            found = run(output, {"c": np.array(taken), "x": x})["y"]
            np.testing.assert_array_equal(found, expected)
