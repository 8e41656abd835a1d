"""Every type, granularity and format on one model with every kind of weight.

What the file gives back for a weight is compared, to the bit, with the reference rounding.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from qconv.algorithms.rows import RowSettings, quantize_rows
from qconv.numerics.grids import QuantizedRows, dequantize_rows
from qconv.numerics.layouts import Layout, convolution_transpose, matrix, transposed
from qconv.numerics.schemes import PerBlock, PerTensor
from qconv.numerics.stored import STORED_TYPES
from qconv.pipeline import convert
from qconv.recipe.settings import WeightOnlySettings
from tests.model_helpers import parse, save

TEXT = """(float[N, 72] x, float[N, 8, 9, 9] m, int64[N] ids, float[5, N, 72] s)
=> (float[N, 40] product, float[4, N, 24] batched, float[N, 40] gemm, float[N, 40] turned,
    float[N, 16, 9, 9] conv, float[N, 16, 9, 9] grouped, float[N, 8, 9, 9] depthwise,
    float[N, 12, 9, 9] up, float[N, 72] rows, float[5, 1, N, 24] lstm, float[5, 1, N, 24] gru)
<float[72, 40] w_product, float[4, 72, 24] w_batched, float[72, 40] w_gemm, float[40] b_gemm,
 float[40, 72] w_turned, float[40] b_turned, float[16, 8, 3, 3] w_conv, float[16] b_conv,
 float[16, 4, 3, 3] w_grouped, float[64, 1, 5, 5] w_depthwise, float[64, 8, 1, 1] w_widen,
 float[8, 64, 1, 1] w_narrow, float[8, 6, 3, 3] w_up, float[200, 72] w_rows,
 float[1, 96, 72] w_lstm, float[1, 96, 24] r_lstm, float[1, 72, 72] w_gru, float[1, 72, 24] r_gru> {
  product = MatMul(x, w_product)
  batched = MatMul(x, w_batched)
  gemm = Gemm(x, w_gemm, b_gemm)
  turned = Gemm<transB = 1>(x, w_turned, b_turned)
  conv = Conv<pads = [1, 1, 1, 1]>(m, w_conv, b_conv)
  grouped = Conv<pads = [1, 1, 1, 1], group = 2>(m, w_grouped)
  wide = Conv(m, w_widen)
  deep = Conv<pads = [2, 2, 2, 2], group = 64>(wide, w_depthwise)
  depthwise = Conv(deep, w_narrow)
  up = ConvTranspose<pads = [1, 1, 1, 1], group = 2>(m, w_up)
  rows = Gather(w_rows, ids)
  lstm, h1, c1 = LSTM<hidden_size = 24>(s, w_lstm, r_lstm)
  gru, h2 = GRU<hidden_size = 24>(s, w_gru, r_gru)
}"""

LAYOUTS: dict[str, Layout] = {
    "w_product": transposed((72, 40)),
    "w_batched": transposed((4, 72, 24)),
    "w_gemm": transposed((72, 40)),
    "w_turned": matrix((40, 72)),
    "w_conv": matrix((16, 8, 3, 3)),
    "w_grouped": matrix((16, 4, 3, 3)),
    "w_depthwise": matrix((64, 1, 5, 5)),
    "w_up": convolution_transpose((8, 6, 3, 3), 2),
    "w_rows": matrix((200, 72)),
    "w_lstm": matrix((1, 96, 72), axes=2),
    "r_lstm": matrix((1, 96, 24), axes=2),
    "w_gru": matrix((1, 72, 72), axes=2),
}
READERS = {
    "product": "w_product",
    "batched": "w_batched",
    "gemm": "w_gemm",
    "turned": "w_turned",
    "conv": "w_conv",
    "grouped": "w_grouped",
    "deep": "w_depthwise",
    "up": "w_up",
    "lstm": "w_lstm",
    "gru": "w_gru",
}
BLOCK: Literal[32] = 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(parse(TEXT, opset=13), tmp_path_factory.mktemp("float"))


def _reference(name: str, weight: NDArray[np.float32], dtype: str, how: str) -> NDArray[np.float32]:
    layout, stored = LAYOUTS[name], STORED_TYPES[dtype]
    rows = np.ascontiguousarray(layout.to_rows(weight))
    columns = layout.columns
    block = BLOCK if how == "block" and columns > BLOCK else columns
    granularity = PerTensor() if how == "tensor" else PerBlock(block)
    settings = RowSettings(stored.grid, granularity, stored.signed, "rtn")
    found = quantize_rows(rows, settings, None)
    scale = found.scale
    if block < columns and stored.bits < 8:
        scale = scale.astype(np.float16).astype(np.float32)
    rounded = QuantizedRows(found.levels, scale, found.zero_point, block)
    return layout.from_rows(dequantize_rows(rounded))


def _exposed(path: Path) -> tuple[ort.InferenceSession, dict[str, str | None]]:
    """Return a session that also gives float weights, and by output the name of its weight.

    MatMulNBits, which gives no float weight (None), is told not to round activations.
    """
    proto = onnx.load(path)
    read: dict[str, str | None] = {}
    for node in proto.graph.node:
        for output in set(node.output) & set(READERS):
            read[output] = None if node.op_type in ("Add", "MatMulNBits") else node.input[1]
        if node.op_type == "MatMulNBits":
            next(a for a in node.attribute if a.name == "accuracy_level").i = 1
    for name in {name for name in read.values() if name is not None}:
        proto.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(proto.SerializeToString(), options), read


@pytest.mark.parametrize("output", ["operator", "qdq"])
@pytest.mark.parametrize("how", ["tensor", "channel", "block"])
@pytest.mark.parametrize("dtype", list(STORED_TYPES))
def test_the_file_gives_the_rounded_weights(
    model: Path, tmp_path: Path, dtype: str, how: str, output: str
) -> None:
    tables = "int8" if STORED_TYPES[dtype].bits == 8 else "int4"
    settings = WeightOnlySettings(
        dtype=dtype,  # type: ignore[arg-type]
        algorithm="rtn",
        granularity=how,  # type: ignore[arg-type]
        block_size=BLOCK if how == "block" else "auto",
        embeddings=tables,  # type: ignore[arg-type]
        format=output,  # type: ignore[arg-type]
    )
    path = tmp_path / "stored.onnx"
    conversion = convert(model, path, settings=settings)
    small = {node.node for node in conversion.plan.kept_float}
    assert all(node.reason for node in conversion.plan.kept_float)
    exact = {t.name: numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer}
    session, read = _exposed(path)
    feeds = {
        "x": np.eye(72, dtype=np.float32),
        "m": np.ones((72, 8, 9, 9), np.float32),
        "ids": np.arange(72),
        "s": np.ones((5, 72, 72), np.float32),
    }
    names = [port.name for port in session.get_outputs()]
    results = dict(zip(names, session.run(None, feeds), strict=True))
    stored = 0
    for name, weight in READERS.items():
        expected = _reference(weight, exact[weight], dtype, how)
        value = read[name]
        if value is None:
            product = expected.T if name == "turned" else expected
            bias = exact.get(f"b_{name}", np.zeros(40, np.float32))
            assert np.array_equal(results[name], product + bias), name
        elif value == weight:
            assert any(name in node for node in small)
            continue
        else:
            given = results[value]
            turned = name == "turned" and given.shape != expected.shape
            assert np.array_equal(given.T if turned else given, expected), name
        stored += 1
    assert stored >= 7
    table = _reference("w_rows", exact["w_rows"], tables, how)[:72]
    assert np.array_equal(results["rows"], table)
