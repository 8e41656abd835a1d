"""How much memory is free, where the system tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qconv import free_memory as module
from qconv.free_memory import free_memory

MEMINFO = "MemTotal:  2000 kB\nMemFree:  100 kB\nMemAvailable:  1000 kB\n"


def system(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """Pretend that the system tells what these files hold."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(module, "_PROC", folder / "proc")
    monkeypatch.setattr(module, "_CGROUPS", folder / "cgroup")


def test_here_some_is_free() -> None:
    assert (free_memory() or 0) > 1_000_000


def test_what_the_machine_has_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(tmp_path, monkeypatch, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"})
    assert free_memory() == 1000 * 1024


def test_a_group_has_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit may be set on a group that holds the group of this process."""
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "9:name=systemd:/\n0::/jobs/one\n",
        "cgroup/jobs/one/memory.max": "max\n",
        "cgroup/jobs/one/memory.current": "100\n",
        "cgroup/jobs/memory.max": "500000\n",
        "cgroup/jobs/memory.current": "400000\n",
        "cgroup/jobs/memory.stat": "anon 300000\ninactive_file 50000\n",
    }
    system(tmp_path, monkeypatch, files)
    assert free_memory() == 150_000


def test_a_group_of_the_first_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "8:cpu:/\n4:memory:/one\n",
        "cgroup/memory/one/memory.limit_in_bytes": "300000\n",
        "cgroup/memory/one/memory.usage_in_bytes": "310000\n",
        "cgroup/memory/one/memory.stat": "total_inactive_file 20000\n",
        "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "cgroup/memory/memory.usage_in_bytes": "310000\n",
    }
    system(tmp_path, monkeypatch, files)
    assert free_memory() == 10_000


def test_where_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(tmp_path, monkeypatch, {})
    monkeypatch.delattr("os.sysconf")
    assert free_memory() is None
