import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qconv.reporting.report_json import from_json, to_json
from tests.cli.cli_helpers import Qconv, command
from tests.report_cases import FULL, INT8


@pytest.fixture(autouse=True)
def reports(folder: Path) -> None:
    (folder / "report.json").write_text(to_json(FULL))
    smaller = replace(FULL, variants=(replace(INT8, size_bytes=4_000_000),))
    (folder / "last.json").write_text(to_json(smaller))


def test_all_verdicts_are_printed_with_both_numbers(qconv: Qconv) -> None:
    gates = ("--fail-if", "size_ratio > 0.27", "--fail-if", "top1_drop > 0.5 with 95%")
    said = qconv("gate report.json", *gates)
    assert said.code == 1
    assert said.out.splitlines()[:2] == [
        "model.int8.onnx FAILS: size_ratio = 0.274046, limit 0.27",
        "model.int8.onnx passes: top1_drop = 1.35, with 95% confidence at least -0.257777, "
        "limit 0.5",
    ]
    assert "about 1,600 would" in said.out


def test_a_baseline_is_compared_with(qconv: Qconv) -> None:
    gate = ("--fail-if", "size_mb > baseline.size_mb * 1.02")
    said = qconv("gate report.json --baseline last.json", *gate)
    assert said.code == 1
    assert "size_mb = 5.1, limit baseline.size_mb * 1.02 = 4.08 (baseline.size_mb = 4)" in said.out
    assert qconv("gate report.json --baseline report.json", *gate).code == 0


def test_the_gates_of_the_report_are_judged_where_none_is_given(qconv: Qconv, folder: Path) -> None:
    assert qconv("gate report.json --json judged.json", "--fail-if", "kl > 0.001").code == 1
    said = qconv("gate judged.json")
    assert said.code == 1
    assert said.out.startswith("model.int8.onnx FAILS: kl = ")
    (verdict,) = from_json((folder / "judged.json").read_text()).verdicts
    assert verdict.failed


def test_a_gate_that_noise_leaves_open(qconv: Qconv) -> None:
    gate = ("--fail-if", "speedup < 1.95")
    said = qconv("gate report.json", *gate)
    assert said.code == 1
    assert said.out.startswith("model.int8.onnx undecided: speedup = 2, must be at least 1.95; the")
    said = qconv("gate report.json --undecided pass", *gate)
    assert said.code == 0
    assert said.out.endswith("; this passes\n")
    said = qconv("gate report.json --undecided pass", "--fail-if", "speedup < 3")
    assert said.out == "model.int8.onnx FAILS: speedup = 2, must be at least 3\n"
    assert qconv("gate report.json --undecided perhaps", *gate).code == 2


def test_files_and_standard_output(qconv: Qconv, folder: Path) -> None:
    gate = ("--fail-if", "kl > 1")
    said = qconv("gate report.json --junit j.xml --markdown -", *gate)
    assert said.code == 0
    assert said.out.startswith(
        "### qconv report\n\n- model.int8.onnx is 3.6x smaller and 2.0x faster"
    )
    assert "\n\n**The gate passes.**\n\n" in said.out
    assert "model.int8.onnx passes: kl = " in said.err
    assert 'tests="1" failures="0"' in (folder / "j.xml").read_text()


def test_github_actions_get_annotations_and_a_summary(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    (folder / "summary.md").write_text("before\n")
    said = qconv("gate report.json", "--fail-if", "kl > 0.001")
    assert said.code == 1
    assert "::error title=model.int8.onnx%3A a gate failed::model.int8.onnx FAILS: kl" in said.err
    summary = (folder / "summary.md").read_text()
    assert summary.startswith("before\n### qconv report\n\n- model.int8.onnx is 3.6x smaller")
    assert "\n\n**1 of 1 gate failed.**\n\n" in summary


def test_a_summary_that_cannot_be_written_leaves_the_verdict(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder))
    for gate, code in (("kl > 0.001", 1), ("kl > 1", 0)):
        said = qconv("gate report.json", "--fail-if", gate)
        assert said.code == code
        assert said.err.splitlines()[-1] == (
            f"qconv: warning: {folder}: the summary of the step cannot be written: Is a directory"
        )


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("gate no.json", 3, "no.json: no such file"),
        ("gate data.npz", 3, "data.npz: not JSON: it is not UTF-8 text"),
        ("gate report.json", 2, "report.json: was made without gates, but none is given"),
        ("gate report.json --fail-if size>1", 2, "the gate 'size>1' names the unknown metric"),
        ("gate report.json --fail-if coverage.all>1", 2, "needs coverage.all, which is not"),
        ("gate report.json --json report.json --fail-if kl>1", 2, "report.json: the output would"),
    ],
)
def test_errors(qconv: Qconv, line: str, code: int, message: str) -> None:
    said = qconv(line)
    assert said.code == code
    assert message in said.error


def processor_seconds(line: list[str], folder: Path) -> float:
    unwatched = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    unwatched.pop("PYTHONDONTWRITEBYTECODE", None)  # else the source is compiled each time
    unwatched["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    before = os.times()
    subprocess.run(line, check=True, cwd=folder, env=unwatched, stdout=subprocess.DEVNULL)
    after = os.times()
    return (
        after.children_user - before.children_user + after.children_system - before.children_system
    )


def test_a_gate_takes_a_moment_and_loads_nothing_heavy(folder: Path) -> None:
    gate = ["gate", "report.json", "--fail-if", "kl > 1"]
    code = (
        "import sys, json; from qconv.cli.main import run; run(sys.argv[1:])\n"
        "heavy = {'numpy', 'onnx', 'onnx_ir', 'onnxruntime', 'rich', 'jinja2'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    line = [sys.executable, "-c", code, *gate]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=folder)
    assert json.loads(done.stdout.splitlines()[-1]) == []
    bare, whole = [], []
    for _ in range(6):
        bare.append(processor_seconds([sys.executable, "-c", "import click"], folder))
        whole.append(processor_seconds(command(gate), folder))
    # In turn: a slower machine slows both. The first of each compiles.
    assert sum(whole[1:]) <= 5 * sum(bare[1:])


def test_the_html_page_is_written(qconv: Qconv, folder: Path) -> None:
    assert qconv("gate report.json --html page.html", "--fail-if", "kl > 1").code == 0
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert page.lstrip().startswith("<!doctype html>")
    assert "The gate passes." in page


def test_html_without_its_extra_is_refused_before_any_work(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "jinja2" else found(name)
    )
    said = qconv("gate report.json --html page.html", "--fail-if", "kl > 1")
    assert said.code == 4
    assert said.error == (
        "qconv: error: an HTML report needs jinja2, not installed here\n"
        "hint: install the extra: pip install 'qconv[html]'"
    )
    assert not (folder / "page.html").exists()
