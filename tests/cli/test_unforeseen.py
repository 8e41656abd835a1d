"""Models that the ONNX checker takes and the runtime does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.errors import ModelError
from qconv.pipeline.unforeseen import told_by_runtime
from tests.cli.cli_helpers import FIXED, Qconv, save_text

UNSOUND = """(float[N,3,8,8] x) => (float[N,4,8,8] y) <float[0] w, float[4] b> {
  c = Conv<pads=[1,1,1,1]>(x, w, b)
  y = Relu(c)
}"""


@pytest.mark.parametrize(
    "line",
    [
        "convert m.onnx --dtype int8 --data d.npz -o o.onnx",
        "calibrate m.onnx --data d.npz --statistics full -o o.qcal",
    ],
)
def test_weights_without_axes(line: str, qconv: Qconv, folder: Path) -> None:
    save_text(UNSOUND, folder / "m.onnx")
    np.savez(folder / "d.npz", x=np.ones((2, 3, 8, 8), np.float32))
    said = qconv(line)
    assert said.code == 4
    assert "'w' holds no number at all" in said.error


@told_by_runtime("model", "others")
def fails(model: str | Path, others: list[Path]) -> None:
    raise IndexError(f"{model} and {len(others)} more")


def test_what_the_runtime_takes_is_not_to_blame(folder: Path) -> None:
    save_text(FIXED, folder / "m.onnx")
    with pytest.raises(IndexError, match=r"m\.onnx and 1 more"):
        fails("m.onnx", [folder / "m.onnx"])


def test_one_of_several_is_to_blame(folder: Path) -> None:
    save_text(FIXED, folder / "m.onnx")
    save_text(UNSOUND, folder / "u.onnx")
    with pytest.raises(ModelError, match=r"u\.onnx: ONNX Runtime cannot load it"):
        fails("m.onnx", [folder / "m.onnx", folder / "u.onnx"])
