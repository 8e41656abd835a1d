"""A report says what makes it doubtful."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.cli.cli_helpers import Qconv


def words(text: str) -> str:
    """Return a text without the lines that a terminal breaks it into."""
    return " ".join(text.split())


def test_swapped_models_and_few_samples_are_told(qconv: Qconv) -> None:
    assert qconv("convert model.onnx --data data.npz --effort fast -q -o i.onnx").code == 0
    line = "--data data.npz --no-latency -q"
    said = words(qconv(f"report model.onnx i.onnx {line}").out)
    assert "another float model" not in said
    assert "With fewer than 32 samples, other" in said
    said = words(qconv(f"report i.onnx model.onnx {line}").out)
    assert (
        "i.onnx is taken as the float model, but was made from model.onnx: are the two swapped?"
        in said
    )


def test_samples_that_were_calibrated_on_are_told(qconv: Qconv, folder: Path) -> None:
    """Whatever file they lie in; the record has their digests."""
    known = np.load(folder / "data.npz")["x"]
    other = np.random.default_rng(9).standard_normal(known.shape).astype(np.float32)
    np.savez(folder / "mixed.npz", x=np.concatenate([other, known[2:4]]))
    np.savez(folder / "other.npz", x=other)
    assert qconv("convert model.onnx --calibration full.qcal -q -o i.onnx").code == 0
    line = "report model.onnx i.onnx --calibration full.qcal --no-latency -q --json j.json --data"
    assert "2 of 8 samples also used for calibration, so errors look smaller" in words(
        qconv(f"{line} mixed.npz").out
    )
    assert json.loads((folder / "j.json").read_text())["data"]["calibrated"] == 2
    assert "also used for calibration" not in words(qconv(f"{line} other.npz").out)
    assert json.loads((folder / "j.json").read_text())["data"]["calibrated"] == 0


def test_a_record_with_few_samples_is_told(qconv: Qconv, folder: Path) -> None:
    few = (
        "samples for calibration: with fewer than 32, ranges may miss numbers that the model will "
        "meet"
    )
    assert f"  6 {few}" in qconv("calibrate model.onnx --data data.npz -o r.qcal").out
    assert f"  6 {few}" in qconv("convert model.onnx --calibration r.qcal -o a.onnx").out
    many = np.random.default_rng(0).standard_normal((32, 3, 8, 8)).astype(np.float32)
    np.savez(folder / "many.npz", x=many)
    assert few not in qconv("calibrate model.onnx --data many.npz -o m.qcal").out


def test_a_record_of_another_model_is_refused(qconv: Qconv) -> None:
    assert qconv("calibrate model.onnx --data data.npz -q -o other.qcal").code == 0
    assert qconv("convert model.onnx --dtype fp16 -q -o f.onnx").code == 0
    said = qconv("report f.onnx f.onnx --calibration other.qcal --data data.npz --no-latency -q")
    assert said.code == 3
    assert "other.qcal: was made for another model" in said.error
