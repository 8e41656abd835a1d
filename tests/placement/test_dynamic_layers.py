"""Which operators run in integers whose inputs are quantized at run time."""

from __future__ import annotations

from pathlib import Path

import pytest

from qconv.graph.model_io import load_model
from qconv.placement.dynamic_layers import place_dynamic
from qconv.placement.targets.ort_cpu import ORT_CPU
from tests.model_helpers import parse, save


@pytest.mark.parametrize(
    "shapes", ["float[1] w, float[1, 128, 32] r", "float[1, 128, 64] w, float[9] r"]
)
def test_lstm_weights_of_other_shapes_stay_float(shapes: str, tmp_path: Path) -> None:
    """The checker takes them, and the runtime those of an LSTM without a step."""
    text = f"""(float[5, 1, 64] x) => (float[5, 1, 1, 32] y) <{shapes}>
        {{ y = LSTM<hidden_size = 32>(x, w, r) }}"""
    plan = place_dynamic(load_model(save(parse(text), tmp_path)).ir, ORT_CPU)
    [lstm] = plan.nodes.values()
    assert (lstm.quantized, lstm.reason) == (False, "its weights do not have three axes")
