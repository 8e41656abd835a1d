"""The error that quantizing one layer alone causes at its output, and the layers kept by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import qconv
from qconv.evaluation.output_errors import output_errors
from qconv.graph.model_io import load_model, read_model
from qconv.graph.prepare import prepare
from qconv.pipeline import Conversion
from qconv.placement.place import place
from qconv.placement.targets.ort_cpu import ORT_CPU
from tests.model_helpers import Listed, data, parse, random_feeds, said, save, set_weight, sqnr

ONE_LAYER = {
    "a product": "(float[N, 16] x) => (float[N, 8] y) <float[16, 8] w> { [one] y = MatMul(x, w) }",
    "a bias": """(float[N, 4, 16] x) => (float[N, 4, 8] y) <float[16, 8] w, float[8] b> {
        [one] a = MatMul(x, w) y = Add(a, b) }""",
    "integers": """(float[N, 4, 2, 2] x) => (float[N, 3, 2, 2] y) <float[3, 4, 1, 1] w> {
        [one] a = Conv(x, w) y = Relu(a) }""",
    "integers inside": """(float[N, 4, 2, 2] x) => (float[N, 3, 2, 2] y) <float[3, 4, 1, 1] w> {
        [one] a = Conv(x, w) y = Identity(a) }""",
}
PRODUCTS = """(float[N, 4, 16] x) => (float[N, 4, 16] y)
<float[16, 16] w, float[16] b = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, float[16, 16] v> {
    [fine] a = MatMul(x, w) c = Add(a, b) t = Tanh(c) [coarse] y = MatMul(t, v)
}"""
BRANCHES = """(float[N, 8] x, bool flag) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v> {
    [outer] a = MatMul(x, w)
    s = Softmax(a)
    y = If(flag) <then_branch = t () => (float[N, 8] p) { [inner] p = MatMul(s, v) },
                  else_branch = e () => (float[N, 8] q) { q = Neg(s) }>
}"""


def _kept(made: Conversion) -> set[str]:
    return {node.node for node in made.plan.kept_float if "as requested" in node.reason}


@pytest.mark.parametrize("text", ONE_LAYER.values(), ids=ONE_LAYER)
def test_the_error_of_the_only_layer_is_that_of_the_model(tmp_path: Path, text: str) -> None:
    model = parse(text)
    path, feeds = save(model, tmp_path), random_feeds(model, {"N": (8,)})
    settings = qconv.Int8Settings(effort="fast", smooth="off", format="qdq")
    made = qconv.convert(path, tmp_path / "q.onnx", data=data(feeds), settings=settings)
    prepared = prepare(load_model(path).ir)
    plan = place(prepared, ORT_CPU)
    errors = output_errors(prepared, read_model(made.path), plan, Listed(feeds))
    assert set(errors) == {"one"}
    assert 25 < errors["one"] < 60
    assert errors["one"] == pytest.approx(sqnr(path, made.path, feeds)["y"], abs=0.01)


@pytest.mark.parametrize(
    "changed", [{"smooth": "off"}, {"smooth": 0.7}, {"smooth": "off", "method": "layers"}]
)
def test_layers_with_float_outputs_are_ranked(tmp_path: Path, changed: dict[str, Any]) -> None:
    """The second product takes small differences of numbers that are almost one."""
    model = parse(PRODUCTS)
    random = np.random.default_rng(0)
    small, differences = random.normal(size=(2, 16, 16)).astype(np.float32)
    set_weight(model, "w", small * np.float32(0.05))
    set_weight(model, "v", differences - differences.mean(axis=0))
    path, feeds = save(model, tmp_path), random_feeds(model, {"N": (8,)})
    settings = qconv.Int8Settings(float_layers=("1",), **changed)
    made = qconv.convert(path, tmp_path / "q.onnx", data=data(feeds), settings=settings)
    assert _kept(made) == {"coarse"}
    assert not [remark for remark in said(made) if "ranked" in remark]


def test_an_error_of_the_input_counts_where_no_layer_before_rounds_it(tmp_path: Path) -> None:
    text = """(float[N, 16] x) => (float[N, 16] y, float[N, 16] z) <float[16, 16] w> {
        t = Tanh(x) [wide] y = MatMul(x, w) [narrow] z = MatMul(t, w)
    }"""
    model = parse(text)
    weight = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    weight[0] = 0
    set_weight(model, "w", weight)
    feeds = random_feeds(model, {"N": (8,)})
    for feed in feeds:
        feed["x"][:, 0] *= 10
    path, settings = save(model, tmp_path), qconv.Int8Settings(float_layers=("1",), smooth="off")
    made = qconv.convert(path, tmp_path / "q.onnx", data=data(feeds), settings=settings)
    assert _kept(made) == {"wide"}


def test_layers_that_cannot_be_ranked_are_said(tmp_path: Path) -> None:
    model = parse(BRANCHES)
    path, feeds = save(model, tmp_path), random_feeds(model, {"N": (8,)}, count=12)
    settings = qconv.Int8Settings(float_layers=("2",))
    made = qconv.convert(path, tmp_path / "q.onnx", data=data(feeds), settings=settings)
    assert _kept(made) == {"outer"}
    assert said(made)[0] == "1 of 2 layers could be ranked, but 2 should stay in float"
    assert "inner" in {node.node for node in made.plan.quantized}
    assert any(node.op_type == "If" for node in onnx.load(made.path).graph.node)


def test_layers_that_equalization_makes_fit_for_8_bits_are_ranked(tmp_path: Path) -> None:
    text = """(float[N, 3, 8, 8] x) => (float[N, 8, 4, 4] y)
    <float[8, 3, 3, 3] w, float[8, 8, 3, 3] v> {
        [first] a = Conv(x, w) r = Relu(a) [second] y = Conv(r, v)
    }"""
    model = parse(text)
    weight = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    scales = np.logspace(0, -6, 8, dtype=np.float32)
    set_weight(model, "w", weight * scales[:, None, None, None])
    path, feeds = save(model, tmp_path), random_feeds(model, {"N": (4,)})
    settings = qconv.Int8Settings(float_layers=("1",))
    made = qconv.convert(path, tmp_path / "q.onnx", data=data(feeds), settings=settings)
    assert _kept(made) in ({"first"}, {"second"})
