"""What ``make fuzz`` judges, and that a case can be made again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.cli.cli_helpers import ROOT, contents
from tests.fuzz import models
from tests.fuzz.case import Case, make_folders
from tests.fuzz.outcome import Outcome, faults
from tests.fuzz.seeds import own_seeds

CASE = Case(0, "models", ("convert", "in/model.onnx"), ("out/variant.onnx",))
FINE = Outcome(
    code=0,
    hung=False,
    seconds=0.1,
    megabytes=20,
    output="done\n",
    errors="",
    left=(),
    missing=(),
    processes=False,
)
TRACEBACK = """Traceback (most recent call last):
  File "/home/me/qconv/cli/main.py", line 81, in run
  File "/home/me/qconv/graph/view.py", line 89, in size
ValueError: bad
qconv: this is a bug in qconv 0.1.0: ValueError('bad')
"""


def shapes(outcome: Outcome) -> list[str]:
    return [fault.shape for fault in faults(CASE, outcome)]


def test_what_is_fine() -> None:
    assert shapes(FINE) == []
    assert shapes(replace(FINE, code=3, errors="qconv: error: no such file\n")) == []


def test_a_gate_that_fails_says_so() -> None:
    said = replace(FINE, code=1, output="", errors="a.onnx FAILS: kl = 2, limit 1\n")
    case = replace(CASE, arguments=("run",), outputs=())
    assert [*faults(case, said)] == []
    silent = [fault.shape for fault in faults(case, replace(said, errors=""))]
    assert silent == ["exit code 1 of run without a word"]


@pytest.mark.parametrize(
    ("outcome", "shape"),
    [
        (replace(FINE, code=70, errors=TRACEBACK), "exit code 70 graph/view.py:89 ValueError"),
        (replace(FINE, code=9), "exit code 9 "),
        (replace(FINE, code=1), "exit code 1 of convert"),
        (replace(FINE, code=3), "exit code 3 of convert without a word"),
        (replace(FINE, hung=True, code=-9), "hangs: convert models"),
        (replace(FINE, megabytes=1001), "memory of convert models"),
        (replace(FINE, missing=("out/variant.onnx",)), "convert: no output after exit code 0"),
        (replace(FINE, left=("changed 'in/model.onnx'",)), "convert: changed *"),
        (replace(FINE, processes=True), "convert: a process outlived it"),
        (replace(FINE, errors="\x1b[31m"), "control character in errors of convert"),
        (replace(FINE, output="a\n ::error::b"), "a line for GitHub in output of convert"),
    ],
)
def test_what_is_not(outcome: Outcome, shape: str) -> None:
    assert shapes(outcome) == [shape]


def test_a_case_is_made_again(tmp_path: Path) -> None:
    made = []
    for name in ("once", "again"):
        make_folders(tmp_path / name)
        commands = models.make(Random("0/1"), tmp_path / name, own_seeds())
        made.append((commands, contents(tmp_path / name)))
    assert made[0] == made[1]


def test_some_random_commands() -> None:
    line = "-m tests.fuzz --own --seed 0 --commands 50"
    done = subprocess.run(
        [sys.executable, *line.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
