"""Models of opsets that are newer than what the integer operators were made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from qconv.pipeline import convert
from qconv.recipe.settings import Float32Settings
from tests.model_helpers import RUNTIME, convert_model, parse, run

NEWEST = onnx.defs.onnx_opset_version()
TEXT = """(float[N, 3, 8, 8] x) => (float[N, 4] y)
    <float[8, 3, 3, 3] w, float[8] b, float[8, 4] k, float[4] l>
    { a = Conv(x, w, b) r = Relu(a) p = GlobalAveragePool(r) f = Flatten(p) y = Gemm(f, k, l) }"""


@pytest.mark.skipif(RUNTIME < (1, 32), reason="the runtime ends at opset 26")
@pytest.mark.parametrize("opset", range(27, NEWEST + 1))
def test_all_of_it_runs_in_integers(opset: int, tmp_path: Path) -> None:
    converted = convert_model(parse(TEXT, opset=opset, ir=13), tmp_path)
    assert converted.quantized == ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]
    assert converted.misses == []
    assert converted.sqnr["y"] > 25


def test_a_model_without_an_operator_of_onnx_itself(tmp_path: Path) -> None:
    """It imports no opset of ONNX, and what is written around its operators needs one."""
    text = """<ir_version: 8, opset_import: ["ai.onnx.ml" : 3]>
    g (double[N, 2] x) => (float[N, 2] y)
    { y = ai.onnx.ml.Scaler<offset = [1.0, 2.0], scale = [0.5, 2.0]>(x) }"""
    path, output = tmp_path / "model.onnx", tmp_path / "float32.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    convert(path, output, settings=Float32Settings())
    feed = {"x": np.array([[3.0, 5.0]])}
    np.testing.assert_array_equal(
        run(output, {"x": feed["x"].astype(np.float32)})["y"], run(path, feed)["y"]
    )
