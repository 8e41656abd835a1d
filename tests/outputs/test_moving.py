"""A name is taken in one step, whatever the file system can do."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

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
