"""What a .npz file holds, read from its headers: names, element types, shapes, places."""

from __future__ import annotations

import struct
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qconv.data.npy import NpyHeader, read_npy_array, read_npy_header, readable
from qconv.data.source import Array
from qconv.errors import DataError
from qconv.files import require_regular

_LOCAL_HEADER = struct.Struct("<26xHH")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How NumPy writes arrays; other methods may unpack gigabytes from one block."""


@dataclass(frozen=True)
class Member:
    """One array of a .npz file.

    ``offset`` is the place of its first element in the file, in bytes, or None where the member
    is compressed. ``entry`` is its place in the zip directory.
    """

    name: str
    entry: zipfile.ZipInfo
    header: NpyHeader
    offset: int | None


def zip_entries(archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    """Return the entries of a zip file by name.

    Raises:
        ValueError: a name stands for two entries, or one is compressed as no array is.
    """
    entries = archive.infolist()
    named = {entry.filename: entry for entry in entries}
    if len(named) < len(entries):
        name, count = Counter(entry.filename for entry in entries).most_common(1)[0]
        raise ValueError(f"it holds {count} entries with the name '{name}'")
    for entry in entries:
        if entry.compress_type not in _METHODS:
            raise ValueError(f"'{entry.filename}' is compressed by method {entry.compress_type}")
    return named


@contextmanager
def open_zip(path: Path) -> Iterator[tuple[zipfile.ZipFile, Mapping[str, zipfile.ZipInfo]]]:
    """Open a .npz file, and return its entries by name.

    Raises:
        DataError: the file is missing, or is not a .npz file.
    """
    require_regular(path, "a .npz file", DataError)
    with readable(str(path)), zipfile.ZipFile(path) as archive:
        yield archive, zip_entries(archive)


def read_members(path: Path, wanted: Collection[str]) -> tuple[list[str], Mapping[str, Member]]:
    """Return the names of all arrays of a .npz file, and those that are wanted and there.

    Only their headers are read.

    Raises:
        DataError: the file is missing, is not a .npz file, or ends before its arrays do.
    """
    with open_zip(path) as (archive, entries), path.open("rb") as raw:
        names = [name.removesuffix(".npy") for name in entries if name.endswith(".npy")]
        found = [name for name in names if name in wanted]
        members = [_member(archive, entries[f"{name}.npy"], raw) for name in found]
    return names, {member.name: member for member in members}


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, raw: IO[bytes]) -> Member:
    name = entry.filename.removesuffix(".npy")
    with readable(f"{raw.name}: array '{name}'"):
        with archive.open(entry) as stream:
            header = read_entry_header(entry, stream)
        offset = None
        if entry.compress_type == zipfile.ZIP_STORED:
            raw.seek(entry.header_offset)
            lengths = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
            offset = entry.header_offset + _LOCAL_HEADER.size + sum(lengths) + header.size
    return Member(name, entry, header, offset)


def read_entry_header(entry: zipfile.ZipInfo, stream: IO[bytes]) -> NpyHeader:
    """Read the header of an array, and leave the stream at the first element.

    Raises:
        ValueError: it is not a .npy array, or ends before its last element.
    """
    header = read_npy_header(stream)
    header.check_length(entry.file_size)
    return header


def load_arrays(path: Path, members: Collection[Member]) -> dict[str, Array]:
    """Read whole arrays into memory, by name, in C or Fortran order as stored.

    Raises:
        DataError: an array is damaged, or holds Python objects.
    """
    with open_zip(path) as (archive, _):
        return {member.name: _load(archive, member) for member in members}


def _load(archive: zipfile.ZipFile, member: Member) -> Array:
    with archive.open(member.entry) as stream:
        stream.seek(member.header.size)
        return read_npy_array(stream, member.header)
