"""Models that the ONNX checker takes and the runtime does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
import pytest

from qconv.errors import ModelError
from qconv.pipeline import calibrate
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
    assert "'w' is empty" in said.error


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


def test_one_that_is_not_sound_is_never_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_text(FIXED, folder / "m.onnx")
    onnx.save(
        onnx.load(folder / "m.onnx"),
        folder / "linked.onnx",
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    os.link(folder / "w.bin", folder / "outside.bin")
    opened: list[Path] = []
    monkeypatch.setattr(
        "qconv.pipeline.unforeseen.open_session", lambda path, **_: opened.append(path)
    )
    with pytest.raises(ModelError, match="several names"):
        fails("m.onnx", [folder / "linked.onnx"])
    assert opened == [Path("m.onnx")]


def test_what_the_runtime_has_no_kernel_for_does_not_hide_the_failure(folder: Path) -> None:
    text = "(double[1,4] x) => (double[1,4] y) { y = Selu(x) }"
    save_text(text, folder / "odd.onnx")
    with pytest.raises(IndexError, match=r"odd\.onnx and 0 more"):
        fails("odd.onnx", [])


@pytest.mark.parametrize("given", ["data", "progress"])
def test_errors_of_a_function_that_the_caller_gave_are_the_callers(
    folder: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the runtime does not take the model either."""

    def fail(*_: object) -> NoReturn:
        raise ValueError("mine")

    def refuse(path: Path, **_: object) -> NoReturn:
        raise ModelError(f"{path}: not taken")

    monkeypatch.setattr("qconv.pipeline.unforeseen.open_session", refuse)
    save_text(FIXED, folder / "m.onnx")
    np.savez(folder / "d.npz", x=np.ones((1, 4), np.float32))
    arguments: dict[str, Any] = {"data": str(folder / "d.npz"), given: fail}
    with pytest.raises(ValueError, match=r"^mine$"):
        calibrate(folder / "m.onnx", **arguments)
