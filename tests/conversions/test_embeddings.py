"""Embeddings of models that run in integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import NothingQuantized
from qconv.pipeline import calibrate, convert, inspect
from qconv.recipe.settings import Embeddings, Int8Settings
from tests.model_helpers import convert_model, data, op_types, parse, random_feeds, said, save, sqnr

MODEL = """(int64[N, T] ids) => (float[N, T, 24] y)
<float[300, 64] words, float[40, 64] places, int64[2] sizes = {1, -1}, float[64, 24] w> {
  e = Gather(words, ids)
  p = Gather(places, ids)
  s = Add(e, p)
  y = MatMul(s, w)
}"""
TIED = """(int64[N, T] ids) => (float[N, T, 64] y) <float[64, 64] words> {
  e = Gather(words, ids)
  y = MatMul(e, words)
}"""
TABLE = "(int64[N] ids) => (float[N, 64] y) <float[300, 64] words> { y = Gather(words, ids) }"
AXES = {"N": (2,), "T": (3, 5)}


def ids(model: onnx.ModelProto) -> list[dict[str, np.ndarray]]:
    return [{"ids": feed["ids"] % 40} for feed in random_feeds(model, AXES)]


@pytest.mark.parametrize(
    ("embeddings", "dtype", "least", "most"),
    [("auto", "int8", 40, 50), ("int8", "int8", 40, 50), ("int4", "int4", 18, 25)],
)
def test_rows_are_those_of_the_type(
    tmp_path: Path, embeddings: Embeddings, dtype: str, least: float, most: float
) -> None:
    model = parse(MODEL)
    settings = Int8Settings(effort="fast", embeddings=embeddings)
    converted = convert_model(model, tmp_path, feeds=ids(model), settings=settings)
    proto = converted.proto()
    assert op_types(proto).count("GatherBlockQuantized") == 2
    assert said(converted.conversion) == (f"2 embeddings stored in {dtype}",)
    feed = {"ids": np.arange(40, dtype=np.int64).reshape(2, 20)}
    assert least < sqnr(_rows(model), _rows(proto), [feed])["e"] < most


def _rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the rows of the first table as its output."""
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info("e", 1, [None, None, None]))
    return model


def test_float_leaves_them_alone(tmp_path: Path) -> None:
    model = parse(MODEL)
    settings = Int8Settings(effort="fast", embeddings="float")
    converted = convert_model(model, tmp_path, feeds=ids(model), settings=settings)
    assert op_types(converted.proto()).count("Gather") == 2
    assert said(converted.conversion) == ()
    assert converted.kept["Gather"] == "its data is a constant table"


def test_a_table_that_a_product_reads_too_is_stored_for_both(tmp_path: Path) -> None:
    model = parse(TIED)
    feeds = [{"ids": np.arange(64, dtype=np.int64).reshape(2, 32)}]
    converted = convert_model(model, tmp_path, feeds=feeds)
    proto = converted.proto()
    assert "GatherBlockQuantized" in op_types(proto)
    assert not [t for t in proto.graph.initializer if t.data_type == 1 and np.prod(t.dims) > 64]
    assert min(converted.sqnr.values()) > 30


def test_a_model_of_tables_alone_is_sent_to_weight_only(tmp_path: Path) -> None:
    model = save(parse(TABLE), tmp_path)
    with pytest.raises(NothingQuantized) as caught:
        convert(model, tmp_path / "out.onnx", data=data([{"ids": np.arange(3)}]))
    assert str(caught.value) == (
        f"{model}: only its embeddings can be stored in 8 bits; no operator can run in integers"
    )
    assert caught.value.hint == "`mode=weight-only` does that, and needs no data"
    assert not (tmp_path / "out.onnx").exists()


def test_inspect_says_what_becomes_of_them(tmp_path: Path) -> None:
    plan = inspect(save(parse(MODEL), tmp_path)).plan
    reasons = {node.reason for node in plan.kept_float if node.op_type == "Gather"}
    assert reasons == {"its table is stored in int8, and its rows become float"}


def test_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    model = save(parse(MODEL), tmp_path)
    record = calibrate(model, data=data(ids(parse(MODEL))))
    outputs = [tmp_path / f"{name}.onnx" for name in "ab"]
    for output in outputs:
        convert(model, output, calibration=record)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
