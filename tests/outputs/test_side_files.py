"""Which files beside a model are removed, and which are told."""

import errno
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from qconv.errors import OutputWarning
from qconv.outputs import side_file_name, staged


def write(model: Path, weights: str, *, force: bool = True) -> str:
    """Write a model that is the name of its side file; return that name."""
    with staged(model, force=force, model=True) as temporary:
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


@pytest.mark.parametrize("copy", ["best.onnx", "m.onnx.bak", "A.ORT", "best.model", "best"])
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
    with left, staged(tmp_path / "m.onnx", force=True, reads=reads, model=True) as temporary:
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


def test_weights_of_a_model_that_was_renamed_are_not_left_by_a_killed_run(tmp_path: Path) -> None:
    old = write(tmp_path / "m.onnx", "old")
    (tmp_path / "m.onnx").rename(tmp_path / "best.model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new = write(tmp_path / "m.onnx", "new", force=False)
    assert names(tmp_path) == {"m.onnx", new, "best.model", old}


@pytest.mark.parametrize("before", [(1 << 20) - 9, (1 << 20) + 1, (2 << 20) - 26])
def test_a_name_may_stand_anywhere_in_a_model(tmp_path: Path, before: int) -> None:
    old = write(tmp_path / "m.onnx", "old")
    (tmp_path / "other").write_bytes(bytes(before) + old.encode() + bytes(9))
    new = write(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == {"m.onnx", new, "other", old}


def test_other_models_are_read_only_if_there_is_a_name_to_look_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    opened: Any = Path.open

    def watch(path: Path, *arguments: Any, **more: Any) -> Any:
        read.append(path)
        return opened(path, *arguments, **more)

    (tmp_path / "other.onnx").write_text("another model")
    monkeypatch.setattr(Path, "open", watch)
    write(tmp_path / "m.onnx", "same")
    write(tmp_path / "m.onnx", "same")
    assert tmp_path / "other.onnx" not in read
    write(tmp_path / "m.onnx", "new")
    assert tmp_path / "other.onnx" in read


def test_only_a_model_has_side_files_that_are_removed(tmp_path: Path) -> None:
    old = write(tmp_path / "m.onnx", "old")
    with staged(tmp_path / "m.onnx", force=True) as temporary:
        temporary.write_text("a text")
    assert names(tmp_path) == {"m.onnx", old}


@pytest.mark.parametrize("what", ["link", "pipe", "file", "unknown", "gone"])
def test_what_is_no_folder_of_a_killed_run_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place = tmp_path / ".m.onnx.abcdefgh"
    if what == "link":
        place.symlink_to("nowhere")
    elif what == "pipe":
        os.mkfifo(place)
    elif what == "file":
        place.touch()
    else:
        place.mkdir()
        opened = os.open

        def refuse(path: Any, *arguments: Any, **more: Any) -> int:
            if Path(path).name == place.name:
                code = errno.ENOENT if what == "gone" else errno.EACCES
                raise OSError(code, os.strerror(code))
            return opened(path, *arguments, **more)

        monkeypatch.setattr(os, "open", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        name = write(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == {"m.onnx", name, place.name}


def test_large_files_are_searched(tmp_path: Path) -> None:
    old = write(tmp_path / "m.onnx", "old")
    with (tmp_path / "large.onnx").open("wb") as stream:
        os.truncate(stream.fileno(), 1 << 30)
    new = write(tmp_path / "m.onnx", "new")
    assert names(tmp_path) == {"m.onnx", new, "large.onnx"}
    assert old not in names(tmp_path)
