"""Models whose exporter wrote -1, 0 or ``?`` for a free axis, through all commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.cli.cli_helpers import Qconv
from tests.model_helpers import declare_length, parse, save

TEXT = """(float[F, 3, F, F] x) => (float[F, 32, F, F] y)
    <float[32, 3, 3, 3] w, float[32, 32, 1, 1] v> {
    c = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(c) y = Conv(r, v)
}"""


@pytest.fixture
def free(folder: Path) -> Path:
    """Data of several sizes, in a folder with models."""
    for length in (-1, 0, "?"):
        model = parse(TEXT, opset=11)
        declare_length(model, "F", length)
        save(model, folder, f"free{length}.onnx")
    random = np.random.default_rng(0)
    (folder / "sizes").mkdir()
    for index, size in enumerate(((8, 8), (12, 20), (16, 8))):
        np.savez(folder / f"sizes/{index}.npz", x=random.standard_normal((1, 3, *size), np.float32))
    return folder


@pytest.mark.parametrize("length", ["-1", "0", "?"])
def test_data_of_any_size_are_taken(free: Path, qconv: Qconv, length: str) -> None:
    model = f"free{length}.onnx"
    assert "float32 [?, 3, ?, ?]" in qconv("inspect", model).out
    assert qconv("calibrate --data sizes -o free.qcal -q", model).code == 0
    (free / "out").mkdir()
    line = "convert --calibration free.qcal -o out -q --dtype int8 --dtype fp16 --dtype int4"
    assert qconv(line, model).code == 0
    for name in ("int8", "fp16", "int4"):
        written = free / f"out/free{length}.{name}.onnx"
        axes = onnx.load(written).graph.input[0].type.tensor_type.shape.dim
        assert [axis.WhichOneof("value") for axis in axes] == [None, "dim_value", None, None]
        feed = {"x": np.zeros((2, 3, 5, 7), np.float32)}
        assert ort.InferenceSession(written).run(None, feed)[0].shape == (2, 32, 5, 7)
        assert qconv("report --data sizes --no-latency -q", model, str(written)).code == 0
        assert qconv("compare --data sizes -q", model, str(written)).code == 0


def test_the_runtime_takes_a_declared_0_at_its_word(free: Path) -> None:
    """Else the float model would not have to be opened with its axes freed."""
    session = ort.InferenceSession(free / "free0.onnx")
    with pytest.raises(Exception, match="Expected: 0"):
        session.run(None, {"x": np.zeros((1, 3, 8, 8), np.float32)})
