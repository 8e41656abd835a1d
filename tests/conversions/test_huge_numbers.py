"""Models whose values have squares beyond float32 convert as others do, and warn of nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.errors import ModelError
from qconv.pipeline import convert
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import data, parse, save, set_weight, sqnr

PRODUCTS = """(float[N, 8] x) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v, float[8] b>
{ a = MatMul(x, w) r = Relu(a) y = Gemm(r, v, b) }"""
MAPS = """(float[N, 8, 6, 6] x) => (float[N, 8, 6, 6] y) <float[8, 8, 3, 3] w, float[8, 8, 1, 1] v>
{ a = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(a) y = Conv(r, v) }"""


@pytest.mark.parametrize(
    "settings",
    [Int8Settings(effort="balanced"), Int8Settings(effort="best"), Int8Settings(method="layers")],
    ids=["balanced", "best", "layers"],
)
@pytest.mark.parametrize(("text", "shape"), [(PRODUCTS, (4, 8)), (MAPS, (1, 8, 6, 6))])
def test_they_convert(
    tmp_path: Path, text: str, shape: tuple[int, ...], settings: Int8Settings
) -> None:
    path = save(parse(text), tmp_path)
    random = np.random.default_rng(0)
    feeds = [{"x": (1e25 * random.standard_normal(shape)).astype(np.float32)} for _ in range(8)]
    convert(path, tmp_path / "out.onnx", data=data(feeds), settings=settings)
    assert sqnr(path, tmp_path / "out.onnx", feeds)["y"] > 30


@pytest.mark.parametrize("activation", ["Relu", "Tanh"])
def test_a_weight_that_holds_inf_is_told(tmp_path: Path, activation: str) -> None:
    model = parse(PRODUCTS.replace("Relu", activation))
    weight = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    weight[0] = np.inf
    set_weight(model, "v", weight)
    weight = np.where(np.arange(8) == 2, 1e-9, 1.0).astype(np.float32) * np.eye(8, dtype=np.float32)
    set_weight(model, "w", weight)
    random = np.random.default_rng(0)
    feeds = [{"x": (1 + random.random((4, 8))).astype(np.float32)} for _ in range(3)]
    with pytest.raises(ModelError, match=r"the weight 'v' of Gemm '.*' holds NaN or Inf"):
        convert(save(model, tmp_path), tmp_path / "out.onnx", data=data(feeds))
