"""What a process holds of files that it maps into memory."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_DONT_NEED = 4
"""MADV_DONTNEED of madvise(2): of a mapped file, pages are read again when they are touched."""
_PAUSE = 0.001
"""Seconds between two looks at the mapped pages."""


@contextmanager
def letting_go(files: Sequence[Path]) -> Iterator[None]:
    """While the block runs, keep little in memory of files that are mapped for reading.

    Pages that were read are given back every millisecond, and the system reads them anew if
    they are touched once more. The files must stay mapped until the block ends. Where the system
    does not tell what is mapped (it is not Linux), nothing happens.
    """
    ranges = _mapped({str(file.resolve()) for file in files})
    ended = threading.Event()
    worker = threading.Thread(target=_release, args=(ranges, ended), daemon=True)
    if ranges:
        worker.start()
    try:
        yield
    finally:
        ended.set()
        if ranges:
            worker.join()


def _mapped(files: set[str]) -> list[tuple[int, int]]:
    """Return start and length of each range that is privately mapped from the files."""
    if not _MAPS.exists():
        return []
    found = []
    for line in _MAPS.read_text(errors="surrogateescape").rstrip("\n").split("\n"):
        addresses, rights, _, _, _, *path = line.split(maxsplit=5)
        if path and path[0] in files and rights.endswith("p"):
            start, end = (int(address, 16) for address in addresses.split("-"))
            found.append((start, end - start))
    return found


def _release(ranges: Sequence[tuple[int, int]], ended: threading.Event) -> None:
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    while not ended.wait(_PAUSE):
        for start, length in ranges:
            advise(start, length, _DONT_NEED)
