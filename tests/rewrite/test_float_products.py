"""Products with float results as one operator of the runtime's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from qconv.graph.model_io import model_to_bytes, read_model
from qconv.recipe.settings import Int8Settings
from qconv.rewrite.ort.float_products import use_standard_products
from tests.model_helpers import convert_model, op_types, parse, run

INPUTS = "float[N, T, 32] x"
WEIGHTS = "float[32] g, float[32] o, float[32, 32] w, float[32] c, float[1, 1, 32] e, float[1] one"
BODIES = {
    "no bias": "n = LayerNormalization<axis = -1>(x, g, o) a = MatMul(n, w) y = Tanh(a)",
    "bias": "n = LayerNormalization<axis = -1>(x, g, o) a = MatMul(n, w) b = Add(a, c) y = Tanh(b)",
    "bias of three axes": "n = Tanh(x) a = MatMul(n, w) y = Add(e, a)",
    "bias of one number": "n = Tanh(x) a = MatMul(n, w) y = Add(a, one)",
    "residual": "n = LayerNormalization<axis = -1>(x, g, o) a = MatMul(n, w) b = Add(c, a) "
    "s = Add(b, n) y = LayerNormalization<axis = -1>(s, g, o)",
}
FEEDS = [
    {"x": np.random.default_rng(length).standard_normal((2, length, 32)).astype(np.float32)}
    for length in (3, 6)
]


@pytest.mark.parametrize("name", BODIES)
def test_both_formats_give_the_same_bits(tmp_path: Path, name: str) -> None:
    model = parse(f"({INPUTS}) => (float[N, T, 32] y) <{WEIGHTS}> {{ {BODIES[name]} }}")
    results = {}
    for form in ("operator", "qdq"):
        folder = tmp_path / form
        folder.mkdir()
        settings = Int8Settings(format=form)
        converted = convert_model(model, folder, feeds=FEEDS, settings=settings)
        assert converted.audit.integer == converted.audit.quantized
        results[form] = [run(converted.path, feed)["y"] for feed in FEEDS]
        own = [node for node in converted.proto().graph.node if node.domain == "com.microsoft"]
        assert len(own) == (1 if form == "operator" else 0)
        if form == "operator":
            assert "Add" not in op_types(converted.proto())
            assert converted.conversion.plan.quantized
    for ours, theirs in zip(results["operator"], results["qdq"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_no_sum_is_merged_into_a_slow_norm(tmp_path: Path) -> None:
    text = f"(float[2, 5, 32] x) => (float[2, 5, 32] y) <{WEIGHTS}> {{ {BODIES['residual']} }}"
    feeds = [{"x": np.random.default_rng(0).standard_normal((2, 5, 32)).astype(np.float32)}]
    found = {}
    for form in ("operator", "qdq"):
        folder = tmp_path / form
        folder.mkdir()
        path = convert_model(
            parse(text), folder, feeds=feeds, settings=Int8Settings(format=form)
        ).path
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found[form] = op_types(onnx.load(folder / "optimized.onnx"))
    assert "SkipLayerNormalization" in found["qdq"]
    assert "SkipLayerNormalization" not in found["operator"]


@pytest.mark.parametrize("name", BODIES)
def test_the_operator_can_be_taken_apart_again(tmp_path: Path, name: str) -> None:
    model = parse(f"({INPUTS}) => (float[N, T, 32] y) <{WEIGHTS}> {{ {BODIES[name]} }}")
    path = convert_model(model, tmp_path, feeds=FEEDS).path
    apart = read_model(path)
    use_standard_products(apart)
    proto = onnx.load_from_string(model_to_bytes(apart).content)
    assert "MatMulIntegerToFloat" not in op_types(proto)
    for feed in FEEDS:
        np.testing.assert_allclose(
            run(path, feed)["y"], run(proto, feed)["y"], rtol=1e-5, atol=1e-6
        )
