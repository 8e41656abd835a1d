"""Which files beside a model are removed, and which are told."""

import os
from pathlib import Path
from typing import Any

import pytest

from qconv.errors import OutputWarning
from qconv.outputs import side_file_name, staged


def write(model: Path, weights: str, *, force: bool = True) -> str:
    """Write a model that is the name of its side file; return that name."""
    with staged(model, force=force) as temporary:
        draft = temporary.with_name("draft")
        draft.write_text(weights)
        name = side_file_name(model.name, draft)
        draft.rename(draft.with_name(name))
        temporary.write_text(f"weights in {name}, from 0")
    return name


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_name_tells_the_content(tmp_path: Path) -> None:
    name = write(tmp_path / "m.onnx", "abc")
    assert name == "m.onnx.ba7816bf8f01cfea.data"
    assert write(tmp_path / "m.onnx", "abc") == name
    assert write(tmp_path / "n.onnx", "abc") == "n.onnx.ba7816bf8f01cfea.data"


@pytest.mark.parametrize("model", ["m.onnx", "m", "modèle.onnx"])
def test_weights_of_a_replaced_model_are_removed(tmp_path: Path, model: str) -> None:
    write(tmp_path / model, "old")
    new = write(tmp_path / model, "new")
    assert names(tmp_path) == {model, new}


@pytest.mark.parametrize("copy", ["best.onnx", "m.onnx.bak", "A.ORT"])
def test_weights_that_another_model_names_stay(tmp_path: Path, copy: str) -> None:
    old = write(tmp_path / "m.onnx", "old")
    (tmp_path / copy).write_bytes((tmp_path / "m.onnx").read_bytes())
    new = write(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == {"m.onnx", new, copy, old}


def test_weights_stay_if_another_model_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write(tmp_path / "m.onnx", "old")
    (tmp_path / "other.onnx").touch()
    opened: Any = Path.open

    def refuse(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name == "other.onnx":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    new = write(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == {"m.onnx", new, "other.onnx", old}


def test_files_of_other_names_stay(tmp_path: Path) -> None:
    mine = tmp_path / "m.onnx"
    others = ["m.onnx.data", "n.onnx.ba7816bf8f01cfea.data", "w.bin"]
    for name in others:
        (tmp_path / name).write_text("weights")
    mine.write_text(" ".join(others))
    new = write(mine, "new")
    assert names(tmp_path) == {"m.onnx", new, *others}


def test_weights_that_are_read_stay(tmp_path: Path) -> None:
    old = write(tmp_path / "m.onnx", "old")
    reads = [("external data of the float model", tmp_path / old)]
    left = pytest.warns(OutputWarning, match=old)
    with left, staged(tmp_path / "m.onnx", force=True, reads=reads) as temporary:
        temporary.write_text("new")
    assert (tmp_path / old).read_text() == "old"


def test_weights_that_are_there_already_are_not_touched(tmp_path: Path) -> None:
    name = write(tmp_path / "m.onnx", "same")
    before = (tmp_path / name).stat().st_ino
    (tmp_path / "m.onnx").unlink()
    assert write(tmp_path / "m.onnx", "same", force=False) == name
    assert (tmp_path / name).stat().st_ino == before


@pytest.mark.parametrize("broken", ["short", "link", "two names"])
def test_weights_that_are_there_but_not_as_they_should_be(tmp_path: Path, broken: str) -> None:
    name = write(tmp_path / "m.onnx", "same")
    there, other = tmp_path / name, tmp_path / "other"
    if broken == "short":
        there.write_text("sa")
    else:
        there.rename(other)
        (there.symlink_to if broken == "link" else there.hardlink_to)(other)
    write(tmp_path / "m.onnx", "same")
    status = there.lstat()
    assert there.read_text() == "same"
    assert (there.is_symlink(), status.st_nlink) == (False, 1)
    if broken != "short":
        assert other.read_text() == "same"


def test_what_a_killed_run_left_is_told_and_stays(tmp_path: Path) -> None:
    left = {".m.onnx.ab_12xyz", "m.onnx.0123456789abcdef.data"}
    others = {".m.onnx.ab", ".n.onnx.ab_12xyz", "m.onnx.data", "n.onnx.0123456789abcdef.data"}
    for name in left | others:
        (tmp_path / name).mkdir() if name.startswith(".") else (tmp_path / name).touch()
    with pytest.warns(OutputWarning) as told:
        name = write(tmp_path / "m.onnx", "new")
    (warning,) = told
    paths = ", ".join(str(tmp_path / name) for name in sorted(left))
    assert str(warning.message) == (f"{paths}: left by a run that was killed; remove it by hand")
    assert names(tmp_path) == {"m.onnx", name} | left | others


def test_large_files_are_mapped(tmp_path: Path) -> None:
    old = write(tmp_path / "m.onnx", "old")
    with (tmp_path / "large.onnx").open("wb") as stream:
        os.truncate(stream.fileno(), 1 << 30)
    new = write(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == {"m.onnx", new, "large.onnx"}
    assert old not in names(tmp_path)
