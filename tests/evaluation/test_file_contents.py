from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv
from qconv.evaluation.file_contents import Contents, read_contents
from tests.model_helpers import data, parse, random_feeds, save

TEXT = """(float[N,3,8,8] x) => (float[N,4] y) <float[64,3,3,3] w, float[64] b, float[64,4] v> {
  c = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(c) t = Tanh(r) p = GlobalAveragePool(t)
  f = Flatten(p) y = MatMul(f, v) }"""
FEED = {"x": np.zeros((1, 3, 8, 8), np.float32)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save(parse(TEXT), tmp_path)


def converted(model: Path, settings: object) -> Contents:
    output = model.with_name("variant.onnx")
    feeds = random_feeds(parse(TEXT), count=4)
    needs_data = isinstance(settings, qconv.Int8Settings)
    qconv.convert(model, output, settings=settings, data=data(feeds) if needs_data else None)  # type: ignore[arg-type]
    return read_contents(output, FEED, variant=True)


def test_int8_covers_what_has_an_integer_kernel(model: Path) -> None:
    found = converted(model, qconv.Int8Settings())
    assert found.coverage is not None
    assert found.coverage.macs == 100
    assert found.coverage.bytes > 90
    assert {kept.op: kept.reason for kept in found.kept_float} == {
        "Tanh": "ONNX Runtime's CPU provider has no integer kernel for Tanh",
        "GlobalAveragePool": "its inputs are not quantized in this file",
        "Flatten": "its inputs are not quantized in this file",
    }
    assert found.coverage.ops == 50
    assert found.origin["qconv.dtype"] == "int8"


def test_weights_alone_are_covered_by_bytes_and_multiplications_but_not_by_operators(
    model: Path,
) -> None:
    found = converted(model, qconv.WeightOnlySettings(dtype="int8", format="qdq"))
    assert found.coverage is not None
    assert found.coverage.macs is not None
    assert found.coverage.macs > 99  # the product is too small to be worth it
    assert found.coverage.ops == 0
    reasons = {kept.op: kept.reason for kept in found.kept_float}
    assert reasons["Conv"] == "only its weight is quantized"
    assert reasons["GlobalAveragePool"] == "its inputs are not quantized in this file"


def test_a_float_model_keeps_nothing_and_stores_floats(model: Path) -> None:
    found = read_contents(model, FEED, variant=True)
    assert found.coverage is not None
    assert (found.coverage.ops, found.coverage.macs, found.coverage.bytes) == (0, 0, 0)
    assert found.kept_float == ()
    assert {layer.op: layer.bytes for layer in found.storage} == {
        "Conv": {"float": 4 * (64 * 27 + 64)},
        "MatMul": {"float": 4 * 64 * 4},
    }
    assert found.size_bytes == model.stat().st_size


def test_bytes_by_type_add_up_to_the_weights_of_the_file(model: Path) -> None:
    found = converted(model, qconv.Int8Settings())
    stored = onnx.load(model.with_name("variant.onnx")).graph.initializer
    total = sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in stored)
    assert sum(size for layer in found.storage for size in layer.bytes.values()) == total
    (layer,) = (layer for layer in found.storage if layer.op == "Conv")
    assert layer.bytes["int8"] >= 64 * 27


def test_a_partly_quantized_model_covers_its_part_of_the_multiplications(tmp_path: Path) -> None:
    text = """(float[N,4] x) => (float[N,8] y) <int8[4,8] q, float s = {0.1}, float[8,8] v> {
      w = DequantizeLinear(q, s) h = MatMul(x, w) y = MatMul(h, v) }"""
    path = save(parse(text), tmp_path)
    found = read_contents(path, {"x": np.zeros((3, 4), np.float32)}, variant=True)
    assert found.coverage is not None
    assert found.coverage.macs == pytest.approx(100 * 32 / (32 + 64))
    assert found.coverage.bytes == pytest.approx(100 * 32 / (32 + 64))
