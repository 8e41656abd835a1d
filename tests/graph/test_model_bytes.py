"""Models in memory that are more than protobuf can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from qconv.graph import model_io
from qconv.graph.model_io import model_to_bytes, read_model
from qconv.runtime.session import open_session
from tests.model_helpers import parse, set_weight

TEXT = """(float[N, 64] x) => (float[N, M] y)
<float[64, 64] w, float[64, 64] v, int64[2] s = {-1, 32}>
{ a = MatMul(x, w) b = MatMul(a, v) y = Reshape(b, s) }"""


@pytest.mark.parametrize("external", ["", "w", "wv"])
def test_weights_go_along_as_arrays(
    tmp_path: Path, external: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = parse(TEXT)
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal((64, 64), np.float32) / 8 for name in "wv"}
    for name, array in weights.items():
        set_weight(proto, name, array)
    path = tmp_path / "model.onnx"
    for name in external:
        tensor = next(t for t in proto.graph.initializer if t.name == name)
        onnx.external_data_helper.set_external_data(tensor, "model.onnx.data")
    onnx.save(proto, path)
    model = read_model(path)
    assert not model_to_bytes(model).weights
    monkeypatch.setattr(model_io, "PROTOBUF_LIMIT", 10_000)
    made = model_to_bytes(model)
    assert set(made.weights) == set("wv") - set(external)
    session = open_session(made)
    x = random.standard_normal((3, 64), np.float32)
    expected = (x @ weights["w"] @ weights["v"]).reshape(-1, 32)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], expected, rtol=1e-4, atol=1e-5)
    assert model.graph.initializers["v"].const_value is not None
    np.testing.assert_array_equal(model.graph.initializers["v"].const_value.numpy(), weights["v"])


def test_weights_that_are_views_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime reads the memory of the arrays, so it must be theirs, and in order."""
    text = "(float[2048] x) => (float[2048] y) <float[2048, 2048] w> { y = MatMul(x, w) }"
    model = ir.from_proto(parse(text))
    weight = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    model.graph.initializers["w"].const_value = ir.Tensor(weight.T, name="w")
    monkeypatch.setattr(model_io, "PROTOBUF_LIMIT", 10_000)
    made = model_to_bytes(model)
    assert list(made.weights) == ["w"]
    session = open_session(made, optimization="none")
    del made
    x = np.ones(2048, np.float32)
    for _ in range(3):
        np.testing.assert_allclose(session.run(None, {"x": x})[0], weight @ x, rtol=1e-3, atol=1e-3)
