from pathlib import Path

import pytest

from qconv.errors import UsageError
from qconv.outputs import check_output


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
