"""Several models, or those of a folder, into a folder that is made if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.cli_helpers import TANH, Qconv, Refuses, contents, save_text

STATIC = "--data data.npz --effort fast -q"


@pytest.fixture
def nets(folder: Path) -> Path:
    home = folder / "nets"
    home.mkdir()
    for name in ("b", "a"):
        (home / f"{name}.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (home / "notes.txt").write_text("mine")
    return home


def test_all_models_of_a_folder(qconv: Qconv, folder: Path, nets: Path) -> None:
    assert qconv(f"convert nets --dtype fp16 --dtype int8 {STATIC} -o out").code == 0
    names = ["a.fp16.onnx", "a.int8.onnx", "b.fp16.onnx", "b.int8.onnx"]
    assert sorted(contents(folder / "out")) == names
    assert qconv(f"convert nets/a.onnx {STATIC} -o one.onnx").code == 0
    assert (folder / "one.onnx").read_bytes() == (folder / "out" / "a.int8.onnx").read_bytes()
    assert sorted(contents(nets)) == ["a.onnx", "b.onnx", "notes.txt"]


def test_variants_are_no_models(qconv: Qconv, nets: Path) -> None:
    assert qconv("convert nets --dtype fp16 -q").code == 0
    assert qconv("convert nets --dtype bf16 -q").code == 0
    names = [f"{model}.{dtype}" for model in "ab" for dtype in ("bf16.onnx", "fp16.onnx", "onnx")]
    assert sorted(contents(nets)) == [*names, "notes.txt"]


def test_several_models_by_name(qconv: Qconv, folder: Path, nets: Path) -> None:
    del nets
    assert qconv("convert nets/a.onnx model.onnx --dtype fp16 -q -o out/").code == 0
    assert sorted(contents(folder / "out")) == ["a.fp16.onnx", "model.fp16.onnx"]


def test_a_slash_makes_a_folder_for_one(qconv: Qconv, folder: Path) -> None:
    assert qconv("convert model.onnx --dtype fp16 -q -o out/").code == 0
    assert sorted(contents(folder / "out")) == ["model.fp16.onnx"]


@pytest.mark.parametrize("output", ["out", "out/"])
def test_a_folder_that_stays_empty_is_removed(folder: Path, refuses: Refuses, output: str) -> None:
    save_text(TANH, folder / "tanh.onnx")
    line = f"convert tanh.onnx --dtype int4 --dtype int3 -o {output}"
    refuses(
        line,
        code=4,
        message="tanh.onnx: it has no weights to store in int4",
    )


def test_what_belongs_to_one_model(refuses: Refuses, nets: Path) -> None:
    del nets
    refuses(
        "convert nets --calibration full.qcal -o out",
        code=2,
        message="--calibration is for one model, but 2 are given",
    )
    refuses(
        "convert nets --dtype fp16 --external-data-name w.data -o out",
        code=2,
        message="--external-data-name is for one model only",
    )


def test_two_models_of_one_name(folder: Path, refuses: Refuses, nets: Path) -> None:
    (nets / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    refuses(
        "convert nets/model.onnx model.onnx --dtype fp16 -o out",
        code=2,
        message="out/model.fp16.onnx: two models would be written to this file",
    )


def test_nothing_is_begun_where_a_file_is_there(folder: Path, refuses: Refuses, nets: Path) -> None:
    del nets
    (folder / "out").mkdir()
    (folder / "out" / "b.fp16.onnx").write_text("mine")
    refuses(
        "convert nets --dtype fp16 -o out",
        code=3,
        message="out/b.fp16.onnx: exists already",
        hint="pass --force to replace it",
    )


def test_a_folder_without_models(folder: Path, refuses: Refuses) -> None:
    (folder / "empty").mkdir()
    refuses("convert empty --dtype fp16", code=3, message="empty: the folder holds no .onnx files")
