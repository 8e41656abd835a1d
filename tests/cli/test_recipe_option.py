"""Commands that read a recipe."""

from __future__ import annotations

from pathlib import Path

from tests.cli.cli_helpers import Qconv, Refuses, contents


def test_a_recipe_converts_and_calibrates(qconv: Qconv, folder: Path) -> None:
    (folder / "r.toml").write_text(
        'dtype = ["int8", "fp16"]\ndata = "data.npz"\nmethod = "minmax"\nstatistics = "ranges"\n'
    )
    (folder / "out").mkdir()
    assert qconv("convert model.onnx --recipe r.toml -o out").code == 0
    assert sorted(contents(folder / "out")) == ["model.fp16.onnx", "model.int8.onnx"]
    line = "convert model.onnx --dtype int8 --data data.npz --method minmax -o plain.onnx"
    assert qconv(line).code == 0
    assert (folder / "plain.onnx").read_bytes() == (folder / "out/model.int8.onnx").read_bytes()
    said = qconv("calibrate model.onnx --recipe r.toml -o r.qcal")
    assert said.code == 0
    assert "ranges of" in said.out


def test_no_recipe_is_read_that_is_not_named(refuses: Refuses, folder: Path) -> None:
    (folder / "qconv.toml").write_text('dtype = "fp16"\n')
    refuses(
        "convert model.onnx -o o.onnx",
        code=2,
        message="--calibration or --data is needed",
        hint="qconv calibrate makes a record",
    )


def test_commands_that_compare_read_the_test_data(qconv: Qconv, folder: Path) -> None:
    (folder / "r.toml").write_text(
        'data = "nowhere.npz"\ntest-data = "data.npz"\ntest-samples = 4\nlatency = false\n'
        'fail-if = "size_ratio < 90"\n'
    )
    assert qconv("convert model.onnx --calibration full.qcal -q -o y.onnx").code == 0
    said = qconv("report model.onnx y.onnx --recipe r.toml -q")
    assert said.code == 1
    assert "Data: 4 samples" in said.out
    assert "y.onnx FAILS: size_ratio = " in said.out
    assert "Latency" not in said.out
    assert qconv("report model.onnx y.onnx --recipe r.toml -q --fail-if", "cosine < 0").code == 0
    said = qconv("compare model.onnx y.onnx --recipe r.toml -q --json -")
    assert said.code == 0
    assert '"samples": 4' in said.out


def test_a_search_reads_data_tests_and_gates(folder: Path, refuses: Refuses) -> None:
    (folder / "r.toml").write_text(
        'data = "data.npz"\ntest-data = "none.npz"\nfail-if = "nothing < 9"\n'
    )
    refuses(
        "tune model.onnx --recipe r.toml --objective speed -o y.onnx",
        code=2,
        message="the gate 'nothing < 9' names the unknown metric 'nothing'",
    )
