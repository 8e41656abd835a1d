"""Reading single rows (entries along the first axis) of arrays in a .npz file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from qconv.data.npy import fill, readable
from qconv.data.npz_file import Member

_SKIP = 1 << 20
"""Bytes decompressed at a time where rows are passed over."""


class Rows(Protocol):
    """The rows of one array, each of ``len(buffer)`` bytes."""

    def read(self, row: int, buffer: NDArray[np.uint8]) -> None:
        """Fill ``buffer`` with row number ``row``; rows are asked for in ascending order.

        Raises:
            DataError: the file is damaged there.
        """
        ...


class _StoredRows:
    """Rows that lie in the file as they are: one seek and one read each."""

    def __init__(self, stream: IO[bytes], offset: int, where: str) -> None:
        self._stream = stream
        self._offset = offset
        self._where = where

    def read(self, row: int, buffer: NDArray[np.uint8]) -> None:
        with readable(self._where):
            self._stream.seek(self._offset + row * len(buffer))
            fill(self._stream, buffer)


class _CompressedRows:
    """Rows of a compressed array, decompressed in order; unused ones are passed over."""

    def __init__(self, stream: IO[bytes], offset: int, where: str) -> None:
        self._stream = stream
        self._offset = offset
        self._where = where
        self._position = 0

    def read(self, row: int, buffer: NDArray[np.uint8]) -> None:
        with readable(self._where):
            self._skip_to(self._offset + row * len(buffer))
            fill(self._stream, buffer)
            self._position += len(buffer)

    def _skip_to(self, position: int) -> None:
        while self._position < position:
            chunk = self._stream.read(min(position - self._position, _SKIP))
            if not chunk:
                raise EOFError("the array ends early")
            self._position += len(chunk)


@contextmanager
def open_rows(path: Path, member: Member) -> Iterator[Rows]:
    """Open one array of the file for reading row by row.

    Raises:
        DataError: the file cannot be opened, or is not the one that ``member`` was read from.
    """
    where = f"{path}: array '{member.name}'"
    with ExitStack() as stack:
        with readable(where):
            if member.offset is not None:
                stored = stack.enter_context(path.open("rb", buffering=0))
                rows: Rows = _StoredRows(stored, member.offset, where)
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                stream = stack.enter_context(archive.open(member.entry))
                rows = _CompressedRows(stream, member.header.size, where)
        yield rows
