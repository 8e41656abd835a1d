"""qconv tune: files of other kinds than static INT8, where they are better."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tests.cli.cli_helpers import Qconv
from tests.cli.tune_net import fix_times
from tests.model_helpers import op_types

SPEED = "tune net.onnx --data cal.npz --objective speed -o y.onnx"
SIZE = "tune net.onnx --data cal.npz --objective size -o y.onnx"


def test_files_of_other_kinds_are_taken_where_they_are_better(
    qconv: Qconv, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_times(monkeypatch, others=0.2)
    more = ("--save-plan", "plan.json", "--json", "r.json")
    said = qconv(SPEED, "--fail-if", "sqnr_db < 35", *more)
    assert said.code == 0, said.err
    assert "plans that no other one beats" not in said.out, "none can be faster"
    name = "inputs of layers quantized at run time, 8 bits"
    assert f"  {name}: 12.57 kB, 5.00 times as fast, 4" in said.out
    assert "y.onnx: 13.32 kB, weight-only, 8 bits" in said.out, "they lose less in the same time"
    assert _settings(net / "y.onnx")["dtype"] == "int8"
    kinds = json.loads((net / "r.json").read_text())["search"]["kinds"]
    assert [each["chosen"] for each in kinds] == [False, True]
    assert json.loads((net / "plan.json").read_text())["kind"] == "weight-only"
    again = qconv("convert net.onnx --plan plan.json --data cal.npz -o again.onnx")
    assert again.code == 0, again.err
    assert _settings(net / "again.onnx") == _settings(net / "y.onnx")


def test_files_that_are_no_faster_than_float_need_leave(qconv: Qconv, net: Path) -> None:
    line = f"{SIZE} --max-size 1MB"
    said = qconv(line)
    assert said.code == 0
    assert ", no faster than the float model" in said.out
    assert "QuantizeLinear" in op_types(onnx.load(net / "y.onnx"))
    said = qconv(line, "-f", "--resume", "--min-speedup", "0.1")
    assert f"y.onnx: {(net / 'y.onnx').stat().st_size / 1000:.2f} kB, weight-only, 8" in said.out
    assert "QuantizeLinear" not in op_types(onnx.load(net / "y.onnx"))
    said = qconv(line, "-f", "--resume", "--min-speedup", "90")
    assert said.code == 1
    assert "y.onnx FAILS: it is not 90 times as fast" in said.err


@pytest.mark.usefixtures("net")
def test_a_slow_file_is_better_than_none_that_holds_the_goal(qconv: Qconv) -> None:
    """Two bits are too small for all others, and are unpacked when the model is loaded."""
    line = f"{SIZE} --max-size 9kB"
    said = qconv(line)
    assert said.code == 0, said.err
    assert "weight-only, 2 bits" in said.out.splitlines()[-2]
    assert said.out.splitlines()[-3].endswith("meets the goal, no faster than the float model")


def test_the_smallest_file_where_none_is_small_enough(qconv: Qconv, net: Path) -> None:
    said = qconv(f"{SIZE} --max-size 1kB")
    assert said.code == 1
    tried = [line.split(": ")[1] for line in said.out.splitlines() if ", misses a gate" in line]
    sizes = [float(text.split(" kB")[0]) for text in tried]
    assert (net / "y.onnx").stat().st_size / 1000 == pytest.approx(min(sizes), abs=0.01)


def test_the_verdict_names_the_file_by_its_place(qconv: Qconv, net: Path) -> None:
    """Also where it has the name of the float model."""
    (net / "out").mkdir()
    said = qconv(SPEED.replace("y.onnx", "out/net.onnx"), "--fail-if", "sqnr_db < 1")
    assert said.code == 0
    assert "out/net.onnx passes: sqnr_db = " in said.err


def _settings(path: Path) -> dict[str, object]:
    made = {each.key: each.value for each in onnx.load(path).metadata_props}
    return dict(json.loads(made["qconv.settings"]))
