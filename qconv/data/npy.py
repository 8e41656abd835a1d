"""The .npy format: what an array is, told by its header, before any of it is read."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from qconv.data.input_checks import Shape
from qconv.data.source import Array
from qconv.errors import DataError, foreign

_LONGEST_HEADER = 12_000
_CHUNK = 1 << 20


@dataclass(frozen=True)
class NpyHeader:
    """Element type and shape of a stored array; ``size`` is the header's own length in bytes."""

    dtype: np.dtype[np.generic]
    shape: Shape
    fortran: bool
    size: int

    @property
    def nbytes(self) -> int:
        """Bytes of the array itself."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def scattered(self) -> bool:
        """Whether the elements of one index of the first axis lie apart in the file."""
        return self.fortran and sum(length > 1 for length in self.shape) > 1

    def check_length(self, available: int) -> None:
        """Refuse an array, header included, that needs more than ``available`` bytes.

        Raises:
            ValueError: it does, or no array has such a shape.
        """
        if min(self.shape, default=0) < 0:
            raise ValueError(f"the array has an axis of length {min(self.shape)}")
        needed = self.size + self.nbytes
        if self.dtype.kind != "O" and needed > available:
            raise ValueError(f"the array ends after {available} of {needed} bytes")


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what a damaged file raises into a DataError that begins with ``where``."""
    with foreign(
        lambda error: DataError(
            f"{where}: cannot be read: {error}",
            hint="write the file again with np.savez, np.savez_compressed or np.save",
        )
    ):
        yield


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Read the header of a .npy stream, and leave the stream at the first element.

    Raises:
        ValueError: the stream does not hold a .npy array, or one with a header of many kilobytes.
    """
    head = io.BytesIO(stream.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(head)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the .npy format is not read")
    try:
        shape, fortran, dtype = readers[version](head)
    except Exception as error:  # Python's parser raises many types, a MemoryError among them
        raise ValueError(f"its header is wrong: {error!s:.200}") from error
    stream.seek(head.tell())
    return NpyHeader(dtype, shape, fortran, head.tell())


def read_npy_array(stream: IO[bytes], header: NpyHeader) -> Array:
    """Read an array, in C or Fortran order as stored, from a stream that is at its first element.

    Raises:
        ValueError: it holds Python objects, which would run code.
        EOFError: the stream ends before.
    """
    if header.dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    array: Array = np.empty(header.shape, header.dtype, "F" if header.fortran else "C")
    flat = (array.T if header.fortran else array).reshape(-1)
    fill(stream, flat.view(np.uint8) if array.nbytes else np.empty(0, np.uint8))
    return array


def fill(stream: IO[bytes], buffer: NDArray[np.uint8]) -> None:
    """Fill a buffer from a stream.

    Raises:
        EOFError: the stream ends before.
    """
    view = buffer.data
    while view:
        count = stream.readinto(view[:_CHUNK])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the array ends early")
        view = view[count:]
