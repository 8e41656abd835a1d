"""In a step of GitHub Actions every failure is an annotation, and nothing else is one."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

from tests.cli.cli_helpers import CONVOLUTIONS, Qconv, process, raising, save_text
from tests.cli.test_process import CRASHED, DYING


@pytest.fixture(autouse=True)
def _step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def commands(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("::")]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("inspect", 2, "Missing argument 'MODEL'."),
        ("inspekt model.onnx", 2, "No such command 'inspekt'; did you mean 'inspect'?"),
        ("convert model.onnx --dtype int9 --data data.npz", 2, "--dtype is 'int9'; "),
        ("inspect missing.onnx", 3, "missing.onnx: no such file"),
        ("run --recipe none.toml", 3, "none.toml: no such file"),
        ("convert tanh.onnx --data data.npz", 4, ""),
        ("compare model.onnx other.onnx --data data.npz --sqnr 400 --check", 1, "below 400 dB: "),
    ],
)
def test_a_failure_is_one_annotation(
    qconv: Qconv, folder: Path, line: str, code: int, message: str
) -> None:
    save_text(CONVOLUTIONS, folder / "other.onnx", seed=1)
    said = qconv(line)
    assert said.code == code
    (annotation,) = commands(said.err)
    assert annotation.startswith(f"::error title=qconv ended with exit code {code}::{message}")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MemoryError(), 5, "this machine does not have enough memory"),
        (PermissionError(13, "Not yours", "a%0A::.npz"), 3, "a%250A::.npz: Not yours"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyError("x\n::set-env name=a::b"), 70, "this is a bug in qconv "),
    ],
)
def test_so_is_what_nobody_foresaw(
    qconv: Qconv,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    raising(error, monkeypatch)
    said = qconv("inspect model.onnx")
    assert said.code == code
    (annotation,) = commands(said.err)
    assert annotation.startswith(f"::error title=qconv ended with exit code {code}::{message}")


@pytest.mark.usefixtures("unignored")
@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGSEGV, 4, CRASHED.removeprefix("qconv: error: ")),
        (signal.SIGKILL, 5, "killed (SIGKILL), most likely by the system for lack of memory"),
    ],
)
def test_so_is_a_crash(folder: Path, number: signal.Signals, code: int, message: str) -> None:
    (folder / "dying.py").write_text(DYING.format(number=number.value))
    said = process("calibrate", "model.onnx", "--data", "dying.py:feeds", "-o", "output")
    assert said.code == code
    (annotation,) = commands(said.err)
    assert annotation.startswith(f"::error title=qconv ended with exit code {code}::{message}")


def test_a_name_begins_no_other_command(qconv: Qconv, folder: Path) -> None:
    name = "a\n::set-output name=x::y,%0A.onnx"
    (folder / "model.onnx").rename(folder / name)
    np.savez(folder / "other.npz", z=np.ones((1, 3, 8, 8), np.float32))
    said = qconv("calibrate", name, "--data", "other.npz", "-o", "r.qcal")
    assert said.code == 3
    (annotation,) = commands(said.err)
    assert annotation.startswith("::error title=qconv ended with exit code 3::")


def test_what_goes_well_says_nothing(qconv: Qconv) -> None:
    assert commands(qconv("inspect model.onnx").err) == []
    assert commands(qconv("--help").err) == []
