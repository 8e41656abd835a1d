"""How much memory is free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Return the bytes that this process may still take without swapping; None if not known.

    That is what the machine has available, or less where a control group of Linux sets a limit.
    """
    found = [_machine(), *(_left(*group) for group in _limits())]
    known = [size for size in found if size is not None]
    return min(known, default=None)


def _machine() -> int | None:
    for line in _text(_PROC / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not every system knows these
        return None


def _limits() -> Iterator[tuple[Path, Path, Path, str]]:
    """Yield the files of limit, use and statistics of each control group that holds us."""
    for line in _text(_PROC / "self" / "cgroup").splitlines():
        _, controllers, place = line.split(":", 2)
        if not controllers:
            root, files = _CGROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = _CGROUPS / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = root / place.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                yield folder / files[0], folder / files[1], folder / "memory.stat", files[2]


def _left(limit: Path, used: Path, statistics: Path, cached: str) -> int | None:
    """Return what a control group leaves; pages of files, which it can drop, count as free."""
    most, now = _text(limit).strip(), _text(used).strip()
    if not most.isdecimal() or not now.isdecimal():
        return None
    counts = dict(line.split(" ", 1) for line in _text(statistics).splitlines())
    return max(0, int(most) - int(now) + int(counts.get(cached, 0)))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
