"""Ranges and float operators that are chosen by the error at the model's outputs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.pipeline import convert
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import data, parse, said, save, set_weight, sqnr

GATED = """(float[N, 4, 12, 12] x) => (float[N, 4, 8, 8] y)
<float[8, 4, 3, 3] w, float[8] b, float[4, 8, 3, 3] v>
{ a = Conv(x, w, b) s = Sigmoid(a) g = Mul(a, s) y = Conv(g, v) }"""
CLAMPED = """(float[N, 4, 12, 12] x) => (float[N, 4, 8, 8] y)
<float[8, 4, 3, 3] w, float[4, 8, 3, 3] v> { a = Conv(x, w) r = Relu(a) y = Conv(r, v) }"""


def _gated(folder: Path) -> tuple[Path, list[dict[str, np.ndarray]]]:
    """Return a model with a channel of large negative numbers, which its gate erases."""
    model = parse(GATED)
    bias = np.zeros(8, np.float32)
    bias[0] = -60
    set_weight(model, "b", bias)
    random = np.random.default_rng(0)
    feeds = [{"x": random.standard_normal((1, 4, 12, 12), np.float32)} for _ in range(12)]
    return save(model, folder), feeds


def _settings(path: Path) -> dict[str, object]:
    found = {each.key: each.value for each in onnx.load(path).metadata_props}
    settings: dict[str, object] = json.loads(found["qconv.settings"])
    return settings


def test_what_a_gate_erases_takes_no_levels(tmp_path: Path) -> None:
    path, feeds = _gated(tmp_path)
    errors = {}
    for gates in ("off", "on", "auto"):
        output = tmp_path / f"{gates}.onnx"
        settings = Int8Settings(effort="fast", equalize="off", gates=gates)
        made = convert(path, output, data=data(feeds), settings=settings)
        errors[gates] = sqnr(path, output, feeds)["y"]
    assert errors["on"] > errors["off"] + 10
    assert errors["auto"] > errors["off"] + 10
    assert "after gates" in made.note
    assert "ranges by" in said(made)[0]
    assert "the worst of 6 methods tried" in said(made)[0]
    assert _settings(tmp_path / "auto.onnx")["gates"] == "on"
    assert made.judgement is not None
    assert made.judgement.samples == 12
    assert made.judgement.outputs[0].sqnr == pytest.approx(errors["auto"], abs=0.5)


@pytest.mark.parametrize("method", ["clip", "minmax", "mse"])
def test_the_way_that_is_chosen_can_be_asked_for(tmp_path: Path, method: str) -> None:
    path, feeds = _gated(tmp_path)
    settings = Int8Settings(effort="fast", method=method, gates="on")
    made = convert(path, tmp_path / "a.onnx", data=data(feeds), settings=settings)
    assert made.note == f"ranges by {method} after gates"


def test_the_best_of_the_ways_is_taken(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    path = save(parse(CLAMPED), tmp_path)
    feeds = [{"x": random.standard_normal((1, 4, 12, 12), np.float32)} for _ in range(12)]
    for feed in feeds:
        feed["x"][0, 0, 0, 0] = 300
    found = {}
    for method in ("auto", "clip", "minmax", "mse"):
        output = tmp_path / f"{method}.onnx"
        settings = replace(Int8Settings(effort="fast"), method=method)
        convert(path, output, data=data(feeds), settings=settings)
        found[method] = sqnr(path, output, feeds)["y"]
    assert found["auto"] == pytest.approx(max(found.values()), abs=0.3)
    assert max(found.values()) > min(found.values()) + 3


@pytest.mark.parametrize(("power", "verdict"), [(9, "rounded anyway"), (1, "kept in float")])
def test_values_too_fine_stay_float_where_the_outputs_gain(
    tmp_path: Path, power: int, verdict: str
) -> None:
    """Large numbers decide at the outputs of one model, and small ones at those of the other."""
    text = """(float[N, 4, 12, 12] x) => (float[N, 4, 12, 12] y)
    <float[4, 4, 1, 1] w, float one = {1}, float[4, 4, 1, 1] v>
    { a = Conv(x, w) l = Abs(a) m = Add(l, one) n = Log(m) y = Conv(n, v) }"""
    if power > 1:
        text = text.replace("Add(l, one) n = Log(m)", "Identity(l) n = Identity(m)")
    model = parse(text)
    set_weight(model, "w", np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1))
    random = np.random.default_rng(0)
    magnitudes = np.exp(random.normal(size=(12, 1, 4, 12, 12)) * 4).astype(np.float32)
    feeds = [{"x": each} for each in magnitudes]
    made = convert(save(model, tmp_path), tmp_path / "a.onnx", data=data(feeds))
    (remark,) = [each for each in said(made) if "too fine" in each]
    assert f"too fine for 8 bits {verdict}" in remark
