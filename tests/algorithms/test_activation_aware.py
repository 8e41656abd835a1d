"""AWQ keeps what the model computes, and lowers the error that rounding makes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from qconv.algorithms.activation_aware import search_input_scale
from qconv.algorithms.rows import RowSettings
from qconv.errors import UsageError
from qconv.numerics.number_types import INT4
from qconv.numerics.schemes import PerBlock
from qconv.pipeline import convert
from qconv.recipe.settings import WeightOnlySettings
from tests.model_helpers import parse, said, save

Floats = NDArray[np.float32]

TEXT = """(float[N, 64] x) => (float[N, 32] y, float[N, 32] z)
<float[64] gain, float[64] offset, float[64, 64] w1, float[64] b1, float[64, 32] w2,
 float[64, 32] w3, float[32] b3> {
  norm = LayerNormalization<axis = -1>(x, gain, offset)
  hidden = MatMul(norm, w1)
  biased = Add(hidden, b1)
  active = Relu(biased)
  y = MatMul(active, w2)
  gate = Sigmoid(x)
  third = MatMul(gate, w3)
  z = Add(third, b3)
}"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    proto = parse(TEXT)
    for tensor in proto.graph.initializer:
        if tensor.name == "gain":
            strong = np.ones(64, np.float32)
            strong[::16] = 40
            tensor.CopyFrom(onnx.numpy_helper.from_array(strong, "gain"))
    return save(proto, tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, Floats]:
    x = np.random.default_rng(0).standard_normal((200, 64), np.float32)
    np.savez(tmp_path / "data.npz", allow_pickle=False, x=x)
    return str(tmp_path / "data.npz"), x


def _error(float_model: Path, other: Path, x: Floats) -> float:
    exact, found = (ort.InferenceSession(path).run(None, {"x": x}) for path in (float_model, other))
    return float(
        sum(((a - b) ** 2).sum() / (a**2).sum() for a, b in zip(exact, found, strict=True))
    )


def test_strong_inputs_are_rounded_more_finely(
    model: Path, data: tuple[str, Floats], tmp_path: Path
) -> None:
    errors = {}
    algorithms: tuple[Literal["rtn", "awq"], ...] = ("rtn", "awq")
    for algorithm in algorithms:
        settings = WeightOnlySettings(dtype="int4", algorithm=algorithm)
        path = tmp_path / f"{algorithm}.onnx"
        conversion = convert(model, path, data=[data[0]], settings=settings)
        errors[algorithm] = _error(model, path, data[1])
    assert errors["awq"] < 0.6 * errors["rtn"]
    assert "inputs scaled by magnitude: 2 at no cost" in said(conversion)[0]


def test_scaling_alone_changes_nothing(
    model: Path, data: tuple[str, Floats], tmp_path: Path
) -> None:
    """Eight bits a row: what is left is the error of rounding."""
    path = tmp_path / "awq.onnx"
    settings = WeightOnlySettings(dtype="int8", algorithm="awq", granularity="channel")
    convert(model, path, data=[data[0]], settings=settings)
    assert _error(model, path, data[1]) < 1e-3


def test_equal_inputs_are_not_scaled() -> None:
    rows = [np.random.default_rng(0).standard_normal((8, 32)).astype(np.float32)]
    settings = RowSettings(INT4.grid, PerBlock(16), True, "rtn")
    assert search_input_scale(rows, np.eye(32), settings) is None
    assert search_input_scale(rows, np.zeros((32, 32)), settings) is None


def test_it_needs_second_moments(model: Path, tmp_path: Path) -> None:
    settings = WeightOnlySettings(algorithm="awq")
    with pytest.raises(UsageError, match="awq needs second moments of the layers' inputs"):
        convert(model, tmp_path / "y.onnx", settings=settings)
