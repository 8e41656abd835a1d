"""Whose second moments can be held."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir
import pytest

from qconv.pipeline import convert
from qconv.placement.inputs import LayerInput, affordable, layer_inputs
from qconv.recipe.settings import Effort, Int8Settings
from tests.model_helpers import data, parse, random_feeds, said, save


def _input(name: str, size: int, groups: int = 1) -> LayerInput:
    return LayerInput(name, name, None, groups, size, (name,))


def test_a_layer_with_too_many_inputs_is_left_out() -> None:
    small, large = _input("small", 8192), _input("large", 8193)
    assert affordable([large, small]) == (small,)


def test_of_too_many_layers_the_largest_are_left_out() -> None:
    inputs = [_input(f"n{i}", size) for i, size in enumerate([8000, 100, *[8000] * 8])]
    assert [each.key for each in affordable(inputs)] == [f"n{i}" for i in range(9)]


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_it_is_told(tmp_path: Path, effort: Effort) -> None:
    weights = "float[9000, 8] w, float[8, 4] v"
    text = f"(float[N, 9000] x) => (float[N, 4] y) <{weights}> {{ h = Gemm(x, w) y = Gemm(h, v) }}"
    path = save(parse(text), tmp_path)
    feeds = random_feeds(onnx.load(path), {"x": (1, 9000)})
    settings = Int8Settings(effort=effort)
    remarks = said(convert(path, tmp_path / "y.onnx", data=data(feeds), settings=settings))
    assert "weights rounded to nearest in 1 layer without second moments" in remarks
    assert "second moments that would take 0.6 GB were left out" in remarks


@pytest.mark.parametrize("text", ["c = Conv(x, w)", "c = LSTM<hidden_size=2>(x, w, w)"])
def test_a_weight_of_another_rank_is_no_layer(text: str) -> None:
    model = parse(f"(float[1, 3, 8] x) => (c) <float[9] w> {{ {text} }}")
    assert layer_inputs(ir.from_proto(model)) == ()
