"""A name is taken in one step, whatever the file system can do."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from qconv.errors import OutputError, OutputWarning
from qconv.outputs import moving, staged


def refusing(code: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.fixture(params=["links", "renames", "neither"])
def ability(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the file system has, to keep from replacing a name that is taken."""
    if request.param != "links":
        monkeypatch.setattr(Path, "hardlink_to", refusing(errno.EPERM))
    if request.param == "neither":
        monkeypatch.setattr(moving, "_rename_to_free", refusing(errno.ENOSYS))
    return str(request.param)


def test_a_name_that_was_taken_meanwhile(tmp_path: Path, ability: str) -> None:
    del ability
    path = tmp_path / "m.onnx"
    refusal = pytest.raises(OutputError, match=r"m\.onnx: exists already")
    with refusal as caught, staged(path, force=False) as temporary:
        temporary.write_text("mine")
        path.write_text("theirs")
    assert caught.value.hint == "pass --force to replace it"
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"]
    assert path.read_text() == "theirs"


@pytest.mark.parametrize("ability", ["links", "renames"], indirect=True)
@pytest.mark.parametrize("turn", range(5))
def test_two_writers_at_once(tmp_path: Path, ability: str, turn: int) -> None:
    del ability
    ready = Barrier(4)

    def write(number: int) -> str:
        try:
            with staged(tmp_path / "m.onnx", force=False, model=True) as temporary:
                temporary.with_name("m.onnx.data").write_text(f"weights {turn}")
                temporary.write_text(f"model {number}")
                ready.wait(timeout=10)
        except OutputError as error:
            return str(error)
        return f"model {number}"

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(write, range(4)))
    model = (tmp_path / "m.onnx").read_text()
    assert sorted(said) == sorted([model, *[f"{tmp_path}/m.onnx: exists already"] * 3])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert (tmp_path / "m.onnx.data").read_text() == f"weights {turn}"


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK])
def test_a_file_system_without_hard_links_between_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", refusing(code))
    with staged(tmp_path / "m.onnx", force=False) as temporary:
        temporary.write_text("mine")
    assert (tmp_path / "m.onnx").read_text() == "mine"


def test_a_name_that_is_free(tmp_path: Path, ability: str) -> None:
    def write() -> None:
        with staged(tmp_path / "m.onnx", force=False) as temporary:
            temporary.write_text("mine")

    if ability == "neither":
        with pytest.warns(OutputWarning, match=r"m\.onnx: this file system cannot refuse a name"):
            write()
    else:
        write()
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_text() == "mine"
    assert (tmp_path / "m.onnx").stat().st_nlink == 1
