"""Files that claim to be large."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

MANY = 1 << 27


def npy(shape: object, descr: object = "<f4", more: str = "") -> bytes:
    """Return the header of a .npy file, true or not, and a few zeros."""
    described = {"descr": descr, "fortran_order": False, "shape": shape}
    text = f"{described!r}{more}\n".encode()
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(text)) + text + bytes(10_000)


def pack(path: str, entries: dict[str, bytes], sizes: dict[str, int] | None = None) -> None:
    """Write a zip file whose directory claims other sizes for some of the entries."""
    Path(path).parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        for name, size in (sizes or {}).items():
            archive.getinfo(name).file_size = size


def repack(path: str, entries: dict[str, bytes], sizes: dict[str, int] | None = None) -> None:
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    pack(path, old | entries, sizes)
