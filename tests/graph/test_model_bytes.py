"""Models in memory that are more than protobuf can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
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
