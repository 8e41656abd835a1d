"""Hostile names through every command, to a pseudo-terminal and to a pipe."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qconv.reporting.github import error_commands
from qconv.reporting.report_json import read_report
from tests.cli import hostile
from tests.cli.cli_helpers import Qconv
from tests.cli.hostile import FILES, NAMES
from tests.cli.warm import Warm

CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
COMMANDS = re.compile(r"^\s*::.*|.*##\[.*", re.MULTILINE)
FINE = ["fine.onnx", "--data", "fine.npz"]
ALL_NAMES = {
    "inspect layers.onnx": 0,
    "inspect layers.onnx --json": 0,
    "calibrate layers.onnx --data layers.npz -o record.qcal -f": 0,
    "convert layers.onnx --dtype int8 --calibration record.qcal -o int8.onnx -f": 0,
    "report layers.onnx int8.onnx --data layers.npz --no-latency --fail-if size_ratio>0": 1,
    "compare layers.onnx int8.onnx --data layers.npz --all": 0,
    "gate report.json --fail-if size_ratio>0": 1,
    "tune layers.onnx --data search.npz --objective size --max-size 1MB -o t.onnx -f "
    "--max-time 0s": 0,
}
"""Command lines that show all names at once, with their exit codes."""
OTHER_VIEWS = {
    "tune layers.onnx --data search.npz --objective speed --fail-if sqnr_db<99 -o best.onnx -f": 1,
    "convert layers.onnx --dtype int8 --mode dynamic -o dynamic.onnx -f": 0,
    "convert layers.onnx --dtype int4 -o int4.onnx -f": 0,
    "convert layers.onnx --dtype fp16 -o fp16.onnx -f": 0,
    "convert layers.onnx --dtype bf16 --storage-only -o bf16.onnx -f": 0,
    "gate report.json --fail-if size_ratio>0 --json -": 1,
    "gate report.json --fail-if size_ratio>0 --markdown -": 1,
    "gate report.json --fail-if size_ratio>0 --junit -": 1,
}
SCRIPT = """
import sys
import warnings

NAME = {name!r}

def fails():
    raise ValueError(NAME)

def prints():
    print(NAME)
    print(NAME, file=sys.stderr)
    warnings.warn(NAME)
    raise KeyError(NAME)

def metric(outputs, sample):
    raise RuntimeError(NAME)
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm() as runner:
        yield runner


def check(printed: bytes) -> None:
    """Nothing that was printed steers a terminal, or is a command to a CI."""
    assert CONTROLS.findall(printed) == []
    assert COMMANDS.findall(printed.decode()) == []


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    hostile.save_layers(folder)
    (folder / "report.json").write_text(hostile.report(NAMES))
    return folder


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_all_names_at_once(warm: Warm, layers: Path, terminal: bool) -> None:
    lines = ALL_NAMES if terminal else ALL_NAMES | OTHER_VIEWS
    said = warm([line.split() for line in lines], layers, terminal=terminal)
    check(said.bytes)
    assert said.codes == list(lines.values())


def save_array(path: Path, name: str, width: int) -> None:
    """Write two samples under the name."""
    arrays: dict[str, Any] = {name: np.ones((2, width), np.float32)}
    np.savez(path, **arrays)


def failing_lines(name: str) -> list[list[str]]:
    """Command lines whose messages hold the name; most of them are refused."""
    calibrate = ["calibrate", "fine.onnx", "--values", "all", "-f", "-o", "record.qcal", "--data"]
    report = ["report", "fine.onnx", *FINE, "--no-latency"]
    convert = ["convert", "fine.onnx", "-f", "-o", "out.onnx", "--dtype"]
    return [
        ["inspect", "unknown.onnx"],
        ["inspect", name],
        ["inspect", "fine.onnx", "--target", name],
        ["inspect", "fine.onnx", "--assume", f"{name}x={name}"],
        *([*calibrate, data] for data in ("other.npz", "wrong.npz", f"script.py:{name}")),
        *([*calibrate, f"script.py:{function}"] for function in ("fails", "prints")),
        [*convert, name],
        [*convert, "fp16", "--keep-float", f"{name}("],
        [*report, "--metric", "script.py:metric"],
        [*report, "--fail-if", name],
        [*report, "--provider", name],
        ["tune", *FINE, "--objective", "size", "--fail-if", name, "-o", "best.onnx"],
        ["tune", *FINE, "--objective", "size", "--max-size", name, "-o", "best.onnx"],
        ["compare", name, *FINE],
        ["init", "fine.onnx", "-f", "-o", "q.toml", "--data", name],
        ["init", name, "-f", "-o", "q.toml"],
        ["run", "--recipe", name],
        ["run", "--model", "fine.onnx", "--dtype", "fp16", "--test-data", name, "-f"],
        ["run", "--model", "fine.onnx", "--data", "text:" + name, "--dry-run"],
        [*calibrate, "fine.npz", "--image-preset", name],
        [*calibrate, "fine.npz", "--tokenizer", name],
        ["gate", "broken.json", "--fail-if", "size_ratio > 0"],
        ["gate", "report.json", "--fail-if", f"outputs[{name!r}].sqnr_db > 1"],
        [f"{name} "],
    ]


def test_each_name_where_it_is_refused(warm: Warm, tmp_path: Path) -> None:
    for index, name in enumerate(NAMES):
        (tmp_path / "report.json").write_text(hostile.report([name]))
        onnx.save(hostile.one(name), tmp_path / "fine.onnx")
        onnx.save(hostile.one(name, op=name, domain=name), tmp_path / "unknown.onnx")
        save_array(tmp_path / "fine.npz", f"{name}x", 4)
        save_array(tmp_path / "other.npz", f"{name}z", 4)
        save_array(tmp_path / "wrong.npz", f"{name}x", 5)
        (tmp_path / "script.py").write_text(SCRIPT.format(name=name), encoding="utf-8")
        (tmp_path / "broken.json").write_text(json.dumps({"schema": 2, name: name}))
        lines = failing_lines(name)[index % 4 :: 4]  # a fourth of them: each with ten names
        said = warm(lines, tmp_path, terminal=index // 4 % 2 == 0)
        check(said.bytes)
        assert set(said.codes) <= {0, 2, 3, 4}
        assert b"Traceback" not in said.bytes


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_names_of_files(warm: Warm, tmp_path: Path, terminal: bool) -> None:
    for name in FILES:
        onnx.save(hostile.one("a"), str(tmp_path / "model.onnx"))
        (tmp_path / "model.onnx").rename(tmp_path / name)
        lines = [
            ["inspect", name],
            ["convert", name, "--dtype", "bf16", "-f", "-o", f"{name}.onnx"],
            ["init", name, "-f", "-o", f"{name}.toml"],
            ["run", "--model", name, "--dtype", "fp16", "-f", "--output", f"{name}.out"],
            ["compare", name, name, "--data", f"{name}.npz"],
            ["gate", name],
            ["calibrate", "missing.onnx", "--data", "a.npz", "-o", name],
        ]
        said = warm(lines, tmp_path, terminal=terminal)
        check(said.bytes)
        assert said.codes[0] == 0
        assert set(said.codes) <= {0, 2, 3, 4}


def test_github_gets_no_command_but_ours(
    qconv: Qconv, layers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    told = tmp_path / "told.json"
    said = qconv("gate --fail-if size_ratio>0 --json", str(told), str(layers / "report.json"))
    assert said.code == 1
    commands = list(error_commands(read_report(told)))
    assert len(commands) == len(NAMES)
    assert said.err.splitlines() == commands
    assert COMMANDS.findall(said.out) == []
    text = summary.read_text(encoding="utf-8")
    assert re.search(r"(?<!\\)<(script|a|img|iframe)", text) is None
    assert CONTROLS.findall(text.encode()) == []


def test_json_holds_every_name_as_it_is(warm: Warm, layers: Path) -> None:
    said = warm([["inspect", "layers.onnx", "--json"]], layers, terminal=True)
    inputs = [found["name"] for found in json.loads(said.bytes)["inputs"]]
    assert inputs == [f"{name}{index}x" for index, name in enumerate(NAMES)]
