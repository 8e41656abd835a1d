import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from qconv.errors import InputError, OutOfMemoryError, OutputError
from qconv.outputs import check_output, staged


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_appear_at_the_end_and_together(tmp_path: Path) -> None:
    with staged(tmp_path / "m.onnx", force=False) as temporary:
        assert temporary.name == "m.onnx"
        assert temporary.parent.parent == tmp_path
        temporary.write_text("model")
        temporary.with_name("m.onnx.data").write_text("weights")
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == ["m.onnx", "m.onnx.data"]
    assert (tmp_path / "m.onnx").read_text() == "model"
    assert (tmp_path / "m.onnx.data").read_text() == "weights"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_nothing_behind_and_keeps_the_old(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def write() -> None:
        with staged(tmp_path / "m.onnx", force=True) as temporary:
            temporary.write_text("half")
            temporary.with_name("m.onnx.data").write_text("half")
            raise error

    (tmp_path / "m.onnx").write_text("old")
    with pytest.raises(error):
        write()
    assert names(tmp_path) == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_text() == "old"


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    refusal = pytest.raises(OutputError, match=r"m\.onnx: cannot be written: No such file")
    with refusal, staged(tmp_path / "m.onnx", force=False):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("force", [True, False])
def test_side_files_are_judged_before_any_file_moves(tmp_path: Path, force: bool) -> None:
    if force:
        (tmp_path / "m.onnx.b").mkdir()
    else:
        (tmp_path / "m.onnx.b").write_text("old")
    refusal = pytest.raises(OutputError, match=r"m\.onnx\.b: (is a folder|exists already)")
    with refusal, staged(tmp_path / "m.onnx", force=force) as temporary:
        for name in ("m.onnx", "m.onnx.a", "m.onnx.b"):
            temporary.with_name(name).write_text("new")
    assert names(tmp_path) == ["m.onnx.b"]


def test_the_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with staged(tmp_path / "made", force=False) as temporary:
        temporary.write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "made")}
    assert len(modes) == 1


def test_by_force_a_link_is_replaced_and_not_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("old")
    (tmp_path / "latest").symlink_to("v1")
    with staged(tmp_path / "latest", force=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "v1").read_text() == "old"
    assert not (tmp_path / "latest").is_symlink()


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(OutputError, match="is a device or a pipe"):
            check_output(path, force=True)


def test_a_folder_that_refuses_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    refusal = pytest.raises(OutputError, match="m: cannot be written: Read-only file system")
    with refusal, staged(tmp_path / "m", force=False):
        raise AssertionError("the block must not run")


@pytest.mark.parametrize("model", [True, False])
def test_a_folder_that_somebody_else_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bool
) -> None:
    monkeypatch.setattr("qconv.outputs.staging._PATIENCE", 0.1)

    def write() -> None:
        with staged(tmp_path / "m.onnx", force=False, model=model) as temporary:
            temporary.write_text("new")

    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if model:
        with pytest.raises(OutputError, match="another program holds a lock") as caught:
            write()
        assert str(caught.value).startswith(f"{tmp_path}: ")
        assert names(tmp_path) == []
        os.close(descriptor)
        write()
    else:  # one rename is whole without a lock
        write()
        os.close(descriptor)
    assert names(tmp_path) == ["m.onnx"]


def test_a_file_that_the_block_reads_speaks_for_itself(tmp_path: Path) -> None:
    refusal = pytest.raises(InputError, match=rf"^{tmp_path}/weights: No such file or directory$")
    with refusal as caught, staged(tmp_path / "m.onnx", force=False):
        (tmp_path / "weights").read_bytes()
    assert not isinstance(caught.value, OutputError)
    refusal = pytest.raises(OutputError, match=r"m\.onnx: cannot be written: Is a directory")
    with refusal, staged(tmp_path / "m.onnx", force=False) as temporary:
        temporary.parent.read_bytes()


def test_a_lack_of_memory_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError), staged(tmp_path / "m.onnx", force=False):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    assert names(tmp_path) == []
