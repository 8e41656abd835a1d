"""Histograms of the tensors that lose most, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qconv
from tests.model_helpers import data, parse, save

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
