"""Histograms of the tensors that lose most, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qconv
from benchmarks.hard_net import make_hard
from qconv.evaluation.restored import LayerWeight
from qconv.evaluation.worst_tensors import (
    WORST,
    float_weights,
    variant_weights,
    weight_histograms,
)
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from tests.model_helpers import data, parse, save

DIGITS = Path(__file__).parent.parent.parent / "sample_models" / "digits_cnn"
TEXT = """(float[N, 8] x) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v> {
  h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }"""


@pytest.mark.parametrize("spread", [0.0, 1e-45, 1e-7, 1e-6, 1.0])
@pytest.mark.parametrize("middle", [0.0, 1.0, 1e20])
def test_numbers_that_hardly_differ_have_one_too(
    tmp_path: Path, middle: float, spread: float
) -> None:
    model = save(parse(TEXT), tmp_path)
    rows = np.linspace(middle, middle * (1 + spread) + spread, 32, dtype=np.float32)
    feeds = [{"x": rows.reshape(4, 8)}]
    output = tmp_path / "i.onnx"
    qconv.convert(model, output, data=data(feeds))
    report = qconv.report(model, [output], data=data(feeds), latency=False, details=True)
    (found,) = [h for h in report.variants[0].histograms if h.name == "x"]
    assert sum(found.counts) == rows.size
    assert found.low <= float(rows.min()) <= float(rows.max()) <= found.high


def test_factors_of_channels_are_undone(tmp_path: Path) -> None:
    """A net whose channels differ by orders, equalized, shows the error of rounding alone."""
    hard, output = tmp_path / "hard.onnx", tmp_path / "auto.onnx"
    make_hard(DIGITS / "model.onnx", hard, 2)
    samples = str(DIGITS / "calibration.npz")
    qconv.convert(hard, output, data=samples, equalize="auto", algorithm="rtn")
    floats = float_weights(read_model(hard))
    weights = variant_weights(normalize(read_model(output)))
    found = weight_histograms(floats, weights, {*weights})
    assert len(found) == WORST
    assert all(each.name.endswith(", equalized") for each in found)
    assert all(35 < each.sqnr_db < 45 for each in found)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_rounding_shows_the_same_error(seed: int) -> None:
    r = np.random.default_rng(seed)
    exact = r.normal(size=(16, 40)).astype(np.float32)
    step = np.abs(exact).max(axis=1, keepdims=True) / 127
    rounded = (np.rint(exact / step) * step).astype(np.float32)
    scaled = rounded * np.exp(2 * r.normal(size=(16, 1))) * np.exp(r.normal(size=(1, 40)))
    floats = {"c": LayerWeight("c", "Conv", exact)}
    [off], [auto] = (
        weight_histograms(floats, {"c": LayerWeight("c", "Conv", rows.astype(np.float32))}, {"c"})
        for rows in (rounded, scaled)
    )
    assert auto.name.endswith(" of 16, equalized")
    assert off.name.endswith(" of 16")
    assert auto.sqnr_db == pytest.approx(off.sqnr_db, abs=1)
