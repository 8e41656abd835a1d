"""Models of opsets that are newer than what the integer operators were made for."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.model_helpers import RUNTIME, convert_model, parse

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
