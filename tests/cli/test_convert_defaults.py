"""What convert does where type, mode and output are not named, and how types may be spelled."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.cli.cli_helpers import Qconv, Refuses, contents
from tests.model_helpers import op_types


def test_a_model_and_data_are_enough(qconv: Qconv, folder: Path) -> None:
    before = set(contents(folder))
    said = qconv("convert model.onnx --data data.npz")
    assert said.code == 0, said.err
    assert set(contents(folder)) - before == {"model.int8.onnx"}
    assert "QuantizeLinear" in op_types(onnx.load(folder / "model.int8.onnx"))
    assert said.out.startswith("model.int8.onnx: ")


def test_the_file_stands_beside_the_model(qconv: Qconv, folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "model.onnx").rename(folder / "nets" / "net.onnx")
    said = qconv("convert nets/net.onnx --mode dynamic --dtype int8 --dtype fp16")
    assert said.code == 0, said.err
    assert sorted(contents(folder / "nets")) == ["net.fp16.onnx", "net.int8.onnx", "net.onnx"]


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("INT8", "int8"),
        ("float16", "fp16"),
        ("FP16", "fp16"),
        ("half", "fp16"),
        ("BFloat16", "bf16"),
        ("fp8", "fp8e4m3"),
        ("float8e4m3fn", "fp8e4m3"),
        ("Float8E5M2", "fp8e5m2"),
        ("UINT4", "uint4"),
    ],
)
def test_types_as_people_say_them(qconv: Qconv, folder: Path, spelled: str, name: str) -> None:
    """In few bits the model has no weights to store, which a message says, with the type's name."""
    mode = "--mode weight-only" if name == "int8" else ""
    said = qconv(f"convert model.onnx --dtype {spelled} {mode}")
    if name in ("fp16", "bf16"):
        assert said.code == 0, said.err
        assert (folder / f"model.{name}.onnx").exists()
    else:
        assert said.code == 4
        assert f"it has no weights to store in {name};" in said.err


def test_words_in_any_letters(qconv: Qconv, folder: Path) -> None:
    line = "convert model.onnx --data data.npz --effort Fast --method MinMax -q"
    assert qconv(f"{line} -o a.onnx").code == 0
    line = "convert model.onnx --data data.npz --effort fast --method minmax -q"
    assert qconv(f"{line} -o b.onnx").code == 0
    assert (folder / "a.onnx").read_bytes() == (folder / "b.onnx").read_bytes()


def test_what_is_there_stays(folder: Path, refuses: Refuses) -> None:
    (folder / "model.int8.onnx").write_text("mine")
    refuses(
        "convert model.onnx --data data.npz",
        code=3,
        message="model.int8.onnx: exists already",
        hint="pass --force to replace it",
    )
    assert (folder / "model.int8.onnx").read_text() == "mine"


def test_data_are_asked_for(refuses: Refuses) -> None:
    refuses(
        "convert model.onnx",
        code=2,
        message="--calibration or --data is needed",
        hint="qconv calibrate makes a record",
    )


def test_a_recipe_need_not_name_the_type(qconv: Qconv, folder: Path) -> None:
    (folder / "recipe.toml").write_text('effort = "fast"\ndata = "data.npz"\n')
    said = qconv("convert model.onnx --recipe recipe.toml")
    assert said.code == 0, said.err
    assert (folder / "model.int8.onnx").exists()
