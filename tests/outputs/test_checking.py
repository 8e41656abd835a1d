from pathlib import Path

import pytest

from qconv.errors import OutputError, UsageError
from qconv.outputs import check_output, check_text_output


@pytest.mark.parametrize("name", ["read", "link", "hard"])
def test_a_file_that_is_read_is_refused_by_every_name(tmp_path: Path, name: str) -> None:
    read = tmp_path / "read"
    read.write_text("")
    (tmp_path / "link").symlink_to(read)
    (tmp_path / "hard").hardlink_to(read)
    with pytest.raises(UsageError, match=f"{name}: the output would replace the data"):
        check_output(tmp_path / name, force=True, reads=[("the data", read)])


def test_other_files_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "read").write_text("same")
    (tmp_path / "other").write_text("same")
    reads = [("the data", tmp_path / "read"), ("the record", tmp_path / "gone")]
    for name in ("other", "new", "gone"):
        check_output(tmp_path / name, force=True, reads=reads)


@pytest.mark.parametrize("content", [b"\x08\x08\x12\x07pytorch", b"PK\x03\x04", b"abc\0"])
def test_a_text_never_replaces_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.onnx").write_bytes(content)
    with pytest.raises(OutputError, match=r"c\.onnx: is not a text file") as caught:
        check_text_output(tmp_path / "c.onnx")
    assert caught.value.hint == "name another file, or remove this one"


@pytest.mark.parametrize("content", [b"", b"{}\r\n", b"\t# r\xc3\xa9sum\xc3\xa9", b"caf\xe9"])
def test_a_text_replaces_a_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.json").write_bytes(content)
    check_text_output(tmp_path / "r.json")
    check_text_output(tmp_path / "new.json")
