"""Models that are refused, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import ModelError, NothingQuantized, UnsupportedError
from qconv.pipeline import calibrate, convert, inspect
from tests.model_helpers import convert_model, data, parse, random_feeds, save
from tests.zoo.zoo_helpers import NO_KERNEL, SAME, SIZES, Case

A = f"a = Conv{SAME}(x, w, b)"
NOTHING = {
    "only integers": (
        "(int64[N] x) => (int64[N] y) { y = Add(x, x) }",
        "it has no operators that work on floats",
    ),
    "float64": (
        "(double[N, 4] x) => (double[N, 2] y) <double[4, 2] w> { y = MatMul(x, w) }",
        "1 x Gemm: it works on double, not on float32",
    ),
    "float16": (
        "(float16[N, 4, H] x) => (float16[M, 8, K] y) <float16[8, 4, 3] w> { y = Conv(x, w) }",
        "1 x Conv: it works on float16, not on float32",
    ),
    "no layers": (
        "(float[N] x) => (float[N] y) { a = Tanh(x) y = Relu(a) }",
        f"1 x Tanh: {NO_KERNEL} Tanh; 1 x Relu: it reads the output of Tanh, which is in float",
    ),
    "nothing to do": (
        "(float[N] x) => (float[N] y) { y = Identity(x) }",
        f"1 x Identity: {NO_KERNEL} Identity",
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_models_without_anything_to_quantize(tmp_path: Path, name: str) -> None:
    text, reasons = NOTHING[name]
    path = save(parse(text), tmp_path)
    feeds = random_feeds(onnx.load(path))
    for call in (
        lambda: calibrate(path, data=data(feeds), output=tmp_path / "out.qcal"),
        lambda: convert(path, tmp_path / "out.onnx", data=data(feeds)),
    ):
        with pytest.raises(NothingQuantized) as caught:
            call()
        assert str(caught.value) == f"{path}: nothing can be quantized for ort-cpu; {reasons}"
        hint = caught.value.hint
        assert hint is not None
        assert hint.startswith(
            "`dtype=fp32` writes" if name.startswith("float") else "qconv inspect lists"
        )
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert inspect(path).plan.quantized == ()


def test_a_graph_without_nodes(tmp_path: Path) -> None:
    path = save(parse("(float[N] x) => (float[N] x) { }"), tmp_path)
    with pytest.raises(NothingQuantized) as caught:
        convert(path, tmp_path / "out.onnx", data=data([{"x": np.zeros(2, np.float32)}]))
    nothing = f"{path}: nothing can be quantized for ort-cpu"
    assert str(caught.value) == f"{nothing}; it has no operators that work on floats"


def test_a_quantized_model_is_refused(tmp_path: Path) -> None:
    found = convert_model(parse(Case(f"{A} y = Relu(a)").text), tmp_path, axes=SIZES)
    with pytest.raises(ModelError, match=r"is already quantized \(.*QuantizeLinear"):
        calibrate(found.path, data=data([]))


def test_a_model_that_the_runtime_spoils_is_not_written(tmp_path: Path) -> None:
    """The runtime makes an invalid operator of an AveragePool with dilations between Q and DQ."""
    body = f"{A} p = AveragePool<kernel_shape = [2, 2], dilations = [2, 2]>(a) y = Conv(p, w1)"
    path = save(parse(Case(body).text, opset=19, ir=9), tmp_path)
    with pytest.raises(UnsupportedError) as caught:
        convert(path, tmp_path / "out.onnx", data=data(random_feeds(onnx.load(path), SIZES)))
    assert str(caught.value).startswith(
        f"{path}: the converted model would not run, so it is not written: ONNX Runtime cannot load"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
