"""Scripts that fail in odd ways, and scripts that change what a process has one of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.cli_helpers import Qconv, process

HEAD = """import asyncio, os, sys, warnings
import numpy as np
X = {"x": np.zeros((1, 3, 8, 8), np.float32)}
"""
CALIBRATE = "calibrate model.onnx --data script.py:f -o a.qcal -q"
REPORT = "report model.onnx model.onnx --data data.npz --no-latency -q --json -"


def script(folder: Path, body: str) -> None:
    (folder / "script.py").write_text(f"{HEAD}{body}\n")


def feeds(line: str) -> str:
    return f"def f():\n    yield X\n    {line}"


def sized(length: str, items: str = "iter([X])") -> str:
    return (
        f"class L:\n    def __len__(self): return {length}\n"
        f"    def __iter__(self): return {items}\ndef f(): return L()"
    )


def with_method(base: str, method: str, then: str) -> str:
    return f"class C({base}):\n    {method}\n{feeds(then)}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (feeds("raise asyncio.CancelledError"), "CancelledError (script.py, line 6)"),
        (feeds("raise GeneratorExit"), "GeneratorExit (script.py, line 6)"),
        (feeds("sys.exit(0)"), "SystemExit: 0 (script.py, line 6)"),
        ("raise asyncio.CancelledError", "CancelledError (script.py, line 4)"),
        (
            "def __getattr__(name): raise asyncio.CancelledError",
            "CancelledError (script.py, line 4)",
        ),
        (
            with_method("BaseException", "def __str__(self): raise self", "raise C"),
            "C (script.py, line 8)",
        ),
        (
            with_method("Exception", "def __str__(self): return 'a' * 10**6", "raise C"),
            f"C: {'a' * 500}... (script.py, line 8)",
        ),
        (
            with_method("dict", "def items(self): raise asyncio.CancelledError", "yield C(X)"),
            "CancelledError (script.py, line 5)",
        ),
        (sized("10**18"), "says that it has 1000000000000000000 feeds"),
        (sized("10**30"), "OverflowError: cannot fit 'int' into an index-sized integer"),
        (sized("-1"), "ValueError: __len__() should return >= 0"),
        (sized("5", "iter([])"), "yields no feeds"),
        (sized("5"), "ended before feed 1, but gave 5 feeds when first called"),
    ],
)
def test_what_a_script_raises_is_told(folder: Path, qconv: Qconv, body: str, reason: str) -> None:
    script(folder, body)
    said = qconv(CALIBRATE)
    assert said.error.partition("\nhint")[0] == f"qconv: error: script.py:f: {reason}"
    assert said.code == 3
    assert not (folder / "a.qcal").exists()


def test_a_label_of_four_hundred_digits(folder: Path, qconv: Qconv) -> None:
    script(folder, "def f():\n    yield X, 10**400")
    said = qconv(CALIBRATE)
    assert said.error == "qconv: error: script.py:f[0]: the label is a number of 1329 bits"
    assert said.code == 3


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "def f():\n    yield {'x': np.broadcast_to(np.float32(0), (10**9, 3, 8, 8))}",
            "script.py:f[0]: 'x' takes 768,000 MB in memory, and ",
        ),
        (feeds("np.zeros(10**15)"), "this machine does not have enough memory"),
        (feeds("raise MemoryError"), "this machine does not have enough memory"),
    ],
)
def test_more_than_the_memory_is_told(folder: Path, qconv: Qconv, body: str, reason: str) -> None:
    script(folder, body)
    said = qconv(CALIBRATE)
    assert said.error.startswith(f"qconv: error: {reason}")
    assert said.code == 5


@pytest.mark.parametrize(
    "line",
    [
        "sys.stdout.close()",
        "sys.stderr.close()",
        "sys.stdout = sys.stderr = None",
        "os.chdir('/')",
        "np.seterr(all='raise')",
        "warnings.simplefilter('error')",
    ],
)
def test_what_a_script_changes_is_its_own(folder: Path, qconv: Qconv, line: str) -> None:
    script(folder, feeds("yield X"))
    assert qconv(CALIBRATE).code == 0
    expected = (folder / "a.qcal").read_bytes()
    (folder / "a.qcal").unlink()
    script(folder, f"def f():\n    {line}\n    yield X\n    yield X")
    assert qconv(CALIBRATE).code == 0
    assert (folder / "a.qcal").read_bytes() == expected
    assert Path.cwd() == folder


def test_a_script_finds_again_what_it_changed(folder: Path, qconv: Qconv) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "here").touch()
    script(folder, "os.chdir('inner')\ndef f():\n    open('here').close()\n    yield X")
    assert qconv(CALIBRATE).code == 0
    assert (folder / "a.qcal").exists()


@pytest.mark.parametrize("line", ["sys.__stdout__.close()", "os.close(1)"])
def test_a_script_that_closes_standard_output(folder: Path, line: str) -> None:
    script(folder, f"def f():\n    {line}\n    yield X")
    said = process(*CALIBRATE.split())
    assert said.err == "qconv: error: script.py:f: has closed standard output\n"
    assert said.code == 3


def test_what_a_script_prints_does_not_mix_with_the_report(folder: Path, qconv: Qconv) -> None:
    script(folder, "print('once')\ndef f(outputs, sample):\n    print('each')\n    return 1")
    said = qconv(f"{REPORT} --metric script.py:f")
    assert json.loads(said.out)["variants"][0]["custom"] == {"f": 1}
    assert set(said.err.split()) == {"once", "each"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("10**400", "100000000000000000...0000000000000000000"),
        ("complex(0, 1)", "1j"),
        ("np.array(['3'])", "array(['3'], dtype='<U1')"),
        ("[[1, 2], [3]]", "[[1, 2], [3]]"),
    ],
)
def test_a_metric_that_gives_no_number(folder: Path, qconv: Qconv, value: str, shown: str) -> None:
    script(folder, f"def f(outputs, sample): return {value}")
    said = qconv(f"{REPORT} --metric script.py:f")
    assert said.error.partition("\nhint")[0] == (
        f"qconv: error: script.py:f: returned {shown} for the sample data.npz[0]; "
        "one number is needed"
    )
    assert said.code == 3
