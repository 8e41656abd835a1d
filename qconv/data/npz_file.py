"""What a .npz file holds, read from its headers: names, element types, shapes, places."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from qconv.data.fit import Shape
from qconv.data.source import Array
from qconv.errors import DataError

_LOCAL_HEADER = struct.Struct("<26xHH")
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged, encrypted or foreign zip file raises."""


@dataclass(frozen=True)
class NpyHeader:
    """Element type and shape of a stored array; ``size`` is the header's own length in bytes."""

    dtype: np.dtype[np.generic]
    shape: Shape
    fortran: bool
    size: int

    @property
    def scattered(self) -> bool:
        """Whether the elements of one index of the first axis lie apart in the file."""
        return self.fortran and sum(length > 1 for length in self.shape) > 1

    def check_length(self, available: int) -> None:
        """Refuse an array, header included, that needs more than ``available`` bytes.

        Raises:
            ValueError: it does.
        """
        needed = self.size + math.prod(self.shape) * self.dtype.itemsize
        if self.dtype.kind != "O" and needed > available:
            raise ValueError(f"the array ends after {available} of {needed} bytes")


@dataclass(frozen=True)
class Member:
    """One array of a .npz file.

    ``offset`` is the place of its first element in the file, in bytes, or None where the member
    is compressed. ``entry`` is its name in the zip directory.
    """

    name: str
    entry: str
    header: NpyHeader
    offset: int | None


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Read the header of a .npy stream, and leave the stream at the first element.

    Raises:
        ValueError: the stream does not hold a .npy array.
    """
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of the .npy format is not read")
    return NpyHeader(dtype, shape, fortran, stream.tell())


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what a damaged file raises into a DataError that begins with ``where``."""
    try:
        yield
    except _BROKEN as error:
        raise DataError(
            f"{where}: cannot be read: {error}",
            hint="write the file again with np.savez, np.savez_compressed or np.save",
        ) from error


def read_members(path: Path) -> Mapping[str, Member]:
    """Return the arrays of a .npz file by name; only headers are read.

    Raises:
        DataError: the file is missing, is not a .npz file, or ends before its arrays do.
    """
    with readable(str(path)), path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
        members = [_member(archive, entry, raw) for entry in entries]
    return {member.name: member for member in members}


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, raw: IO[bytes]) -> Member:
    name = entry.filename.removesuffix(".npy")
    with readable(f"{raw.name}: array '{name}'"), archive.open(entry) as stream:
        header = read_npy_header(stream)
        header.check_length(entry.file_size)
    offset = None
    if entry.compress_type == zipfile.ZIP_STORED:
        raw.seek(entry.header_offset)
        lengths = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
        offset = entry.header_offset + _LOCAL_HEADER.size + sum(lengths) + header.size
    return Member(name, entry.filename, header, offset)


def load_arrays(path: Path, members: Collection[Member]) -> dict[str, Array]:
    """Read whole arrays into memory, by name, in C or Fortran order as stored.

    Raises:
        DataError: an array is damaged, or holds Python objects.
    """
    with readable(str(path)), zipfile.ZipFile(path) as archive:
        return {member.name: _load(archive, member) for member in members}


def _load(archive: zipfile.ZipFile, member: Member) -> Array:
    with archive.open(member.entry) as stream:
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array
