"""Inner values whose shapes the model declares wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from qconv.recipe.settings import Effort, Int8Settings
from tests.model_helpers import convert_model, parse

TEXT = """(float[N, 3, 8, 8] x) => (float[N, 4, 8, 8] y)
<float[4, 3, 3, 3] v, float[4, 4, 3, 3] w, float[4] b> {
  c = Conv<pads = [1, 1, 1, 1]>(x, v, b) r = Relu(c) y = Conv<pads = [1, 1, 1, 1]>(r, w, b)
}"""


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_a_convolution_whose_input_has_too_few_axes(tmp_path: Path, effort: Effort) -> None:
    model = parse(TEXT)
    info = helper.make_tensor_value_info("r", TensorProto.FLOAT, [5])
    model.graph.value_info.append(info)
    found = convert_model(model, tmp_path, settings=Int8Settings(effort=effort))
    assert found.sqnr["y"] > 25
