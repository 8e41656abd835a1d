"""What is read of a mapped file does not stay in memory."""

from __future__ import annotations

import mmap
import re
import sys
import time
from pathlib import Path

import pytest

from qconv.runtime.mapped import letting_go

SIZE = 32 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what is mapped")


def held(path: Path) -> int:
    """Return the bytes that are in memory of a file that is mapped."""
    parts = Path("/proc/self/smaps").read_text().split(str(path))
    return sum(int(size) * 1024 for size in re.findall(r"^Rss:\s+(\d+)", parts[1], re.M)[:1])


@pytest.mark.parametrize("name", ["weights of a model.data", "next\x85line\u2028.data"])
def test_pages_are_given_back_and_read_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = bytes(range(256)) * (SIZE // 256)
    path.write_bytes(content)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE) as mapped:
        assert mapped[:] == content
        assert held(path) == SIZE
        with letting_go([tmp_path / "other.data"]):
            time.sleep(0.05)
        assert held(path) == SIZE
        with letting_go([tmp_path / "other.data", path]):
            deadline = time.monotonic() + 10
            while held(path) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert held(path) == 0
        assert mapped[:] == content
