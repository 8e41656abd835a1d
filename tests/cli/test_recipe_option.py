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
