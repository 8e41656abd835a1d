"""Where nodes stand that compute a float weight from a stored one.

A runtime that computes in the order of the file holds few such weights at a time if each stands
right before its reader.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from qconv.pipeline import calibrate, convert
from qconv.recipe.settings import (
    HalfSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
)
from tests.model_helpers import data, parse, random_feeds, save

TEXT = """(float[N, 64] x) => (float[N, 64] y)
    <float[64, 64] a, float[64, 64] shared, float[64, 64] b>
    { p = MatMul(x, a) q = Relu(p) r = MatMul(q, shared) s = Tanh(r) t = MatMul(s, shared)
      u = Sigmoid(t) y = MatMul(u, b) }"""
RESTORING = {
    "bf16": (HalfSettings("bf16", storage_only=True), {"Cast"}),
    "weight-only": (WeightOnlySettings("int8", format="qdq"), {"DequantizeLinear"}),
    "static-int4": (Int8Settings(weights="int4"), {"Cast"}),
}


@pytest.mark.parametrize(("settings", "restoring"), RESTORING.values(), ids=RESTORING)
def test_each_weight_is_restored_beside_its_reader(
    settings: Settings, restoring: set[str], tmp_path: Path
) -> None:
    model = parse(TEXT, opset=21, ir=10)
    source, output = save(model, tmp_path), tmp_path / "out.onnx"
    feeds = random_feeds(model)
    record = calibrate(source, data=data(feeds)) if isinstance(settings, Int8Settings) else None
    convert(source, output, calibration=record, settings=settings)
    graph = onnx.load(output).graph
    constants = {tensor.name for tensor in graph.initializer}
    restored = {
        node.output[0]: index
        for index, node in enumerate(graph.node)
        if node.op_type in restoring and set(node.input) <= constants
    }
    assert len(restored) >= 3
    readers: dict[str, list[int]] = {name: [] for name in restored}
    for index, node in enumerate(graph.node):
        for name in readers.keys() & set(node.input):
            readers[name].append(index)
    lone = {name: read[0] for name, read in readers.items() if len(read) == 1}
    assert len(lone) >= 2
    for name, reader in lone.items():
        between = {graph.node[i].output[0] for i in range(restored[name] + 1, reader)}
        assert between <= set(graph.node[reader].input), name
