"""Types of activations of static INT8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.placement.plan import Plan
from qconv.recipe.settings import Activations, Int8Settings
from tests.model_helpers import Feeds, convert_model, op_types, parse, random_feeds, said

BODY = """(float[N, 4, H, W] x) => (float[N, 8] y)
<float[8, 4, 3, 3] w, float[8] b, float[8, 8, 3, 3] v, float[8, 8] m, float[8] c> {
  a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
  r = Relu(a)
  d = Conv<pads = [1, 1, 1, 1]>(r, v)
  s = Add(d, r)
  p = GlobalAveragePool(s)
  f = Flatten(p)
  y = Gemm(f, m, c)
}"""
AXES = {"N": (2,), "H": (9,), "W": (11,)}
TOKENS = """(float[N, T, 32] x) => (float[N, T, 16] y)
<float[32] g, float[32] o, float[32, 16] w, float[16] c> {
  n = LayerNormalization<axis = -1>(x, g, o)
  a = MatMul(n, w)
  y = Add(a, c)
}"""


def _scale_types(model: onnx.ModelProto) -> set[int]:
    """Return the types that QuantizeLinear gives."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    return {types[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"}


def _feeds(model: onnx.ModelProto) -> list[Feeds]:
    return list(random_feeds(model, {**AXES, "T": (5,)}))


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_int16_is_exact_but_for_its_weights(tmp_path: Path, opset: int) -> None:
    model = parse(BODY, opset=opset, ir=10)
    settings = Int8Settings(activations="int16")
    converted = convert_model(model, tmp_path, feeds=_feeds(model), settings=settings)
    proto = converted.proto()
    assert _scale_types(proto) == {onnx.TensorProto.INT16}
    domains = {node.domain for node in proto.graph.node if node.op_type == "QuantizeLinear"}
    assert domains == ({""} if opset >= 21 else {"com.microsoft"})
    assert converted.sqnr["y"] > 38
    assert "ONNX Runtime has no int16 kernels for CPUs" in said(converted.conversion)[0]


def test_int8_runs_and_says_that_it_is_slow(tmp_path: Path) -> None:
    model = parse(BODY)
    settings = Int8Settings(activations="int8")
    converted = convert_model(model, tmp_path, feeds=_feeds(model), settings=settings)
    assert _scale_types(converted.proto()) == {onnx.TensorProto.INT8}
    assert converted.sqnr["y"] > 28
    assert "fast only with uint8" in said(converted.conversion)[0]


@pytest.mark.parametrize(("dtype", "least"), [("uint8", 30), ("int8", 30), ("int16", 36)])
def test_products_of_tokens(tmp_path: Path, dtype: Activations, least: float) -> None:
    model = parse(TOKENS)
    settings = Int8Settings(activations=dtype)
    converted = convert_model(model, tmp_path, feeds=_feeds(model), settings=settings)
    assert converted.sqnr["y"] > least
    own = op_types(converted.proto()).count("MatMulIntegerToFloat")
    assert own == (0 if dtype == "int16" else 1)


def test_more_bits_cost_less(tmp_path: Path) -> None:
    model = parse(TOKENS)
    found = {}
    dtypes: tuple[Activations, ...] = ("uint8", "int16")
    for dtype in dtypes:
        folder = tmp_path / dtype
        folder.mkdir()
        settings = Int8Settings(activations=dtype, smooth="off")
        converted = convert_model(model, folder, feeds=_feeds(model), settings=settings)
        found[dtype] = converted.sqnr["y"]
    assert found["int16"] > found["uint8"] + 2
    assert np.isfinite(found["int16"])


def test_float_layers_leave_int16_what_it_can_hold(tmp_path: Path) -> None:
    model = parse("""
        (float[N, 16] x) => (float[N, 8] y) <float[16, 16] w, float[16, 16] u, float[16, 8] v>
        { a = MatMul(x, w) b = Exp(a) c = MatMul(b, u) d = Tanh(c) [last] y = MatMul(d, v) }
    """)
    random = np.random.default_rng(0)
    feeds = [{"x": random.normal(0, 2, (1, 16)).astype(np.float32)} for _ in range(64)]
    found = {}
    dtypes: tuple[Activations, ...] = ("uint8", "int16")
    for dtype in dtypes:
        settings = Int8Settings(activations=dtype, smooth="off", float_layers=("^last$",))
        folder = tmp_path / dtype
        folder.mkdir()
        converted = convert_model(model, folder, feeds=feeds, settings=settings)
        plan = converted.conversion.plan
        assert isinstance(plan, Plan)
        found[dtype] = plan.too_fine
        assert {value.scheme.dtype.name.lower() for value in plan.values.values()} == {dtype}
    assert found == {"uint8": {"MatMul:c"}, "int16": frozenset()}
