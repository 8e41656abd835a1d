"""Smoothing in whole models: what it leaves the same, and what it gains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest

from qconv.conversions.steps.smooth import smooth
from qconv.graph.model_io import load_model, model_to_bytes
from qconv.graph.prepare import prepare
from qconv.pipeline import calibrate, convert, report
from qconv.placement.place import place
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import Feeds, convert_model, data, op_types, parse, run, said, save, sqnr

IN = "float[N, T, 32] x"
WEIGHTS = "float[32] g, float[32] o, float[32, 24] w, float[32, 24] u, float[24] c"
BODIES = {
    "norm": "n = LayerNormalization<axis = -1>(x, g, o) y = MatMul(n, w)",
    "norm without offset": "n = LayerNormalization<axis = 2>(x, g) y = MatMul(n, w)",
    "two products": "n = LayerNormalization<axis = -1>(x, g, o) a = MatMul(n, w) b = MatMul(n, u) "
    "y = Sub(a, b)",
    "scale": "t = Tanh(x) n = Mul(t, g) y = MatMul(n, w)",
    "scale and offset": "t = Tanh(x) m = Mul(g, t) n = Add(m, o) y = MatMul(n, w)",
    "linear": "h = MatMul(x, s) n = Add(h, o) r = Relu(n) z = MatMul(r, w) y = Abs(z)",
    "residual": "n = LayerNormalization<axis = -1>(x, g, o) a = MatMul(n, w) p = Softmax(n) "
    "k = MatMul(p, u) y = Sub(a, k)",
    "network input": "y = MatMul(x, w)",
}
INSERTED = {"residual": 2, "network input": 1, "linear": 1}


def _model(body: str) -> onnx.ModelProto:
    weights = f"{WEIGHTS}, float[32, 32] s"
    return parse(f"({IN}) => (float[N, T, 24] y) <{weights}> {{ {body} }}")


def _feeds() -> Sequence[Feeds]:
    random = np.random.default_rng(0)
    feeds = [random.standard_normal((2, length, 32)) for length in (3, 7, 5)]
    return [{"x": (array * np.r_[np.ones(31), 40]).astype(np.float32)} for array in feeds]


@pytest.mark.parametrize("strength", ["auto", 0.5, 0.9])
@pytest.mark.parametrize("name", BODIES)
def test_a_smoothed_float_model_computes_the_same(
    tmp_path: Path, name: str, strength: Literal["auto"] | float
) -> None:
    path = save(_model(BODIES[name]), tmp_path)
    record = calibrate(path, data=data(_feeds()), statistics="full")
    prepared = prepare(load_model(path).ir)
    plan = place(prepared, ORT_CPU)
    smoothed = smooth(*(prepared, plan, record.statistics, record.grams, strength), portable=True)
    proto = onnx.load_from_string(model_to_bytes(prepared).content)
    assert min(sqnr(path, proto, _feeds()).values()) > 100
    if strength != "auto":
        products = [node for node in proto.graph.node if node.name.endswith("smoothed/Mul")]
        assert len(products) == INSERTED.get(name, 0)
        assert smoothed.remarks
    measured = calibrate(save(proto, tmp_path, "smoothed.onnx"), data=data(_feeds()))
    read = [value for value in smoothed.plan.values.values() if value.channel_axis == -1]
    assert read
    for value in read:
        ours, theirs = smoothed.statistics[value.name], measured.statistics[value.name]
        assert ours.range.high == pytest.approx(theirs.range.high, rel=1e-3, abs=1e-5)
        np.testing.assert_allclose(ours.channels.low, theirs.channels.low, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(ours.means.means(), theirs.means.means(), rtol=1e-3, atol=1e-5)


def test_outliers_cost_less_with_smoothing(tmp_path: Path) -> None:
    found = {}
    for strength in ("off", "auto"):
        folder = tmp_path / strength
        folder.mkdir()
        settings = Int8Settings(smooth=strength)
        found[strength] = convert_model(
            _model(BODIES["network input"]), folder, feeds=_feeds(), settings=settings
        )
    assert found["auto"].sqnr["y"] > found["off"].sqnr["y"] + 4
    assert not [remark for remark in said(found["off"].conversion) if "smoothed" in remark]


def test_a_weight_that_others_read_is_left_alone(tmp_path: Path) -> None:
    body = (
        "n = LayerNormalization<axis = -1>(x, g, o) a = MatMul(n, s) t = Tanh(a) y = MatMul(t, s)"
    )
    model = parse(f"({IN}) => (float[N, T, 32] y) <{WEIGHTS}, float[32, 32] s> {{ {body} }}")
    converted = convert_model(model, tmp_path, feeds=_feeds(), settings=Int8Settings(smooth=0.5))
    assert not [text for text in said(converted.conversion) if "smoothed" in text]


def test_what_products_emit_in_integers_is_left_alone(tmp_path: Path) -> None:
    body = "a = MatMul(x, s) r = Relu(a) y = MatMul(r, w)"
    converted = convert_model(
        _model(body), tmp_path, feeds=_feeds(), settings=Int8Settings(smooth=0.5)
    )
    assert op_types(converted.proto()).count("Mul") == 1
    assert run(converted.path, _feeds()[0])["y"].shape == (2, 3, 24)


@pytest.mark.parametrize("name", ["norm", "scale and offset"])
def test_values_that_a_fold_divides_do_not_pass_for_those_of_the_float_model(
    tmp_path: Path, name: str
) -> None:
    path = save(_model(BODIES[name]), tmp_path)
    output = tmp_path / "y.onnx"
    made = convert(path, output, data=data(_feeds()), settings=Int8Settings(smooth=0.9))
    assert "1 input of products smoothed: 1 by the operator before" in said(made)
    found = report(path, [output], data=data(_feeds()), latency=False, layers=True)
    errors = {error.name: error for error in found.variants[0].layers}
    assert "n" not in errors
    assert all(error.accumulated > 20 for error in errors.values())
