"""Reports, gates and options with numbers that nobody means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.cli_helpers import Qconv, Refuses

REPORT = "report model.onnx model.onnx --no-latency -q --data"


def test_a_baseline_that_is_a_pipe(folder: Path, refuses: Refuses) -> None:
    os.mkfifo(folder / "pipe")
    line = f"{REPORT} data.npz --baseline pipe --fail-if size_mb>baseline.size_mb"
    refuses(line, code=3, message="pipe: is a pipe, not a report")


def test_a_report_with_a_number_of_four_hundred_digits(folder: Path, qconv: Qconv) -> None:
    assert qconv(f"{REPORT} data.npz --json r.json").code == 0
    report = json.loads((folder / "r.json").read_text())
    report["variants"][0]["size_bytes"] = 10**400
    (folder / "r.json").write_text(json.dumps(report))
    said = qconv("gate r.json --fail-if size_mb>1")
    assert said.error == (
        "qconv: error: r.json: not a qconv report: Report.variants[0].size_bytes is too large"
    )
    assert said.code == 3


def test_a_report_of_a_gigabyte(folder: Path, frugal: Qconv) -> None:
    (folder / "r.json").touch()
    os.truncate(folder / "r.json", 1 << 30)
    said = frugal("gate r.json --fail-if size_mb>1")
    assert said.error == "qconv: error: r.json: has 1,074 MB; a report has 256 MB at most"
    assert said.code == 3


def test_a_batch_of_a_billion_samples(refuses: Refuses) -> None:
    line = "report model.onnx model.onnx -q --data data.npz --batch 1000000000000"
    with pytest.raises(AssertionError, match="a batch of 1000000000000 samples takes 800,000,000"):
        refuses(line, code=5, message="")


def test_a_crop_of_five_thousand_digits(qconv: Qconv) -> None:
    said = qconv(f"{REPORT} data.npz --image-crop {'9' * 5000}")
    assert said.code == 2


def test_threads_that_no_machine_has(qconv: Qconv) -> None:
    said = qconv(f"{REPORT} data.npz --threads {10**30}")
    assert said.code == 2


def test_gates_of_any_length(folder: Path, qconv: Qconv) -> None:
    assert qconv(f"{REPORT} data.npz --json r.json").code == 0
    said = qconv("gate r.json --fail-if", "size_mb < " + "+".join(["1"] * 600_000))
    assert said.error == (
        "qconv: error: a gate has 1,200,009 characters; at most 1,000,000 are read\n"
        "hint: several gates are judged one by one"
    )
    assert said.code == 2
    report = json.loads((folder / "r.json").read_text())
    report["variants"] *= 400
    report["verdicts"] = [
        {"variant": "v", "expression": f"size_mb < {i}", "failed": False, "values": {}}
        for i in range(300)
    ]
    (folder / "r.json").write_text(json.dumps(report))
    said = qconv("gate r.json")
    assert said.error == (
        "qconv: error: r.json: 300 gates and 400 variants make more than 100,000 verdicts"
    )
    assert said.code == 3
