"""Models with state that a function of the user's carries from sample to sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.cli_helpers import Qconv, save_text
from tests.model_helpers import run

RECURRENT = """(float[N, 8] x, float[N, 8] state, float gain) => (float[N, 8] next)
<float[8, 8] w, float[8, 8] u> {
  a = MatMul(x, w)
  b = MatMul(state, u)
  c = Add(a, b)
  d = Mul(c, gain)
  next = Tanh(d)
}"""
SCRIPT = """
import numpy as np

def loop(run, count=24):
    state = np.zeros((1, 8), np.float32)
    inputs = np.random.default_rng(0).standard_normal((count, 1, 8)).astype(np.float32)
    for x in inputs:
        feeds = {"x": x, "state": state}
        state = run(feeds)["next"]
        yield feeds

def short(run):
    for index, feeds in enumerate(loop(run)):
        if index and abs(float(feeds["state"].sum())) < 1e-9:
            return
        yield feeds

def fixed():
    return [{"x": np.ones((1, 8), np.float32), "state": np.ones((1, 8), np.float32)}]

def total(outputs, sample):
    return float(outputs["next"].sum())
"""


@pytest.fixture(autouse=True)
def models(folder: Path) -> None:
    save_text(RECURRENT, folder / "rnn.onnx")
    (folder / "s.py").write_text(SCRIPT)


def recorded(folder: Path, variant: str = "rnn.onnx") -> list[dict[str, np.ndarray]]:
    """What each step of the loop is fed, and gives, when the float model carries its state."""
    state = np.zeros((1, 8), np.float32)
    found = []
    for x in np.random.default_rng(0).standard_normal((24, 1, 8)).astype(np.float32):
        feeds = {"x": x, "state": state}
        gain = {} if variant != "rnn.onnx" else {"gain": np.array(1.5, np.float32)}
        state = run(folder / variant, {**feeds, **gain})["next"]
        found.append({**feeds, "next": state})
    return found


def test_calibration_sees_the_state_of_the_float_model(qconv: Qconv, folder: Path) -> None:
    options = "--assume gain=1.5 -q -o"
    calibrate = "calibrate rnn.onnx --statistics histogram --data"
    assert qconv(f"{calibrate} s.py:loop {options} a.qcal").code == 0
    steps = recorded(folder)
    rows = {name: np.concatenate([step[name] for step in steps]) for name in ("x", "state")}
    np.savez(folder / "rows.npz", x=rows["x"], state=rows["state"])
    assert qconv(f"{calibrate} rows.npz {options} b.qcal").code == 0
    for batch in (1, 5):
        line = f"{calibrate} s.py:loop --batch-size {batch} -f {options} c.qcal"
        assert qconv(line).code == 0
        assert (folder / "a.qcal").read_bytes() == (folder / "c.qcal").read_bytes()
    for name in ("a", "b"):
        line = f"convert rnn.onnx --dtype int8 --calibration {name}.qcal {options} {name}.onnx"
        assert qconv(line).code == 0
    ours, theirs = (run(folder / f"{name}.onnx", _first(steps))["next"] for name in ("a", "b"))
    np.testing.assert_array_equal(ours, theirs)


def _first(steps: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: steps[5][name] for name in ("x", "state")}


def test_in_a_report_each_model_carries_its_own_state(qconv: Qconv, folder: Path) -> None:
    line = "convert rnn.onnx --dtype int8 --data s.py:loop --assume gain=1.5 -q -o i.onnx"
    assert qconv(line).code == 0
    said = qconv(
        "report rnn.onnx i.onnx --data s.py:loop --assume gain=1.5 --runs 3 -q --json r.json"
    )
    assert said.code == 0
    outputs = json.loads((folder / "r.json").read_text())["variants"][0]["outputs"]
    exact = np.concatenate([step["next"] for step in recorded(folder)]).astype(np.float64)
    found = np.concatenate([step["next"] for step in recorded(folder, "i.onnx")])
    expected = 10 * np.log10((exact**2).sum() / ((exact - found) ** 2).sum())
    assert outputs[0]["sqnr_db"] == pytest.approx(expected, abs=1e-3)


def test_a_loop_that_ends_early_with_a_variant(qconv: Qconv, folder: Path) -> None:
    save_text(RECURRENT.replace("Tanh(d)", "Sub(d, d)"), folder / "zero.onnx")
    said = qconv("report rnn.onnx zero.onnx --data s.py:short --assume gain=1.5 --no-latency -q")
    assert said.code == 3
    assert said.error == (
        "qconv: error: s.py:short: ended before feed 1, but gave 24 feeds when first called\n"
        "hint: the loop must yield the same number of samples, whatever the model returns"
    )


@pytest.mark.parametrize("order", [("loop", "fixed"), ("fixed", "loop")])
def test_data_beside_a_loop_are_run_too(qconv: Qconv, folder: Path, order: tuple[str, str]) -> None:
    data = " ".join(f"--data s.py:{function}" for function in order)
    line = f"report rnn.onnx rnn.onnx {data} --assume gain=1.5 --metric s.py:total --no-latency"
    assert qconv(f"{line} -q --json r.json").code == 0
    ones = np.ones((1, 8), np.float32)
    answers = [step["next"] for step in recorded(folder)]
    gain = np.array(1.5, np.float32)
    answers.append(run(folder / "rnn.onnx", {"x": ones, "state": ones, "gain": gain})["next"])
    report = json.loads((folder / "r.json").read_text())
    expected = sum(float(answer.sum()) for answer in answers) / 25
    assert report["reference"]["custom"]["total"] == pytest.approx(expected, rel=1e-5)
