"""What may be opened as a file."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from qconv.errors import DataError, ModelError
from qconv.files import require_regular


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        require_regular(path, "an npz file", DataError)
    return str(caught.value).replace(str(path), "FILE")


def test_a_file_gives_its_size_and_so_does_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(7))
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert require_regular(tmp_path / name, "an ONNX file", ModelError) == 7


def test_what_is_no_file_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:  # short enough for the path of a socket
        folder = Path(name)
        os.mkfifo(folder / "pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(folder / "socket"))
        (folder / "loop").symlink_to("loop")
        assert refusal(folder) == "FILE: is a folder, not an npz file"
        assert refusal(folder / "pipe") == "FILE: is a pipe, not an npz file"
        assert refusal(folder / "socket") == "FILE: is a socket, not an npz file"
        assert refusal(folder / "no") == "FILE: no such file"
        assert refusal(folder / "loop") == (
            "FILE: cannot be read: Too many levels of symbolic links"
        )
        assert refusal(folder / ("a" * 300)) == "FILE: cannot be read: File name too long"
    assert refusal(Path("/dev/zero")) == "FILE: is a device, not an npz file"
    assert refusal(Path("a\0b")) == r"a\x00b: cannot be read: embedded null byte"
