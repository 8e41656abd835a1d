"""NumPy's files and archives that are changed: headers, numbers, and the zip around them."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fuzz import hostile

_HEADERS = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (%d, %d), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (%d,), }",
    "{'descr': '<U%d', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [('a', '<f4'), ('b', '<i8')], 'fortran_order': False, 'shape': (%d,), }",
    "{'descr': ('<f4', (%d,)), 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-%d,), }",
    "{'descr': '<f4', 'fortran_order': 2, 'shape': (%d,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': ('%d',), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': %d, }",
    "{'descr': '<f4', 'fortran_order': False, }",
    "{'descr': 5, 'fortran_order': False, 'shape': (%d,), }",
    "{'descr': '<m8[%d]', 'fortran_order': False, 'shape': (1,), }",
    "(" * 150 + "%d",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (True, %d), }",
)


def file_of(array: NDArray[Any]) -> bytes:
    """Return an array as NumPy's file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=array.dtype.hasobject)
    return buffer.getvalue()


def write_archive(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as NumPy's archive, whatever their names are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), file_of(array))


def changed_file(random: Random, content: bytes) -> bytes:
    """Change the header, the numbers or the bytes of a file."""
    try:
        array = np.lib.format.read_array(io.BytesIO(content))
    except Exception:  # an earlier change has broken it
        return hostile.changed_bytes(random, content)
    match random.randrange(5):
        case 0:
            return _with_header(random, array)
        case 1:
            return hostile.changed_bytes(random, content)
        case _:
            return file_of(changed_array(random, array))


def _with_header(random: Random, array: NDArray[Any]) -> bytes:
    text = random.choice(_HEADERS)
    numbers = [abs(random.choice(hostile.DIMS)) for _ in range(text.count("%d"))]
    header = (text % tuple(numbers)).encode() + b"\n"
    version = random.choice((b"\x01\x00",) * 6 + (b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header + array.tobytes()


_TYPES = ("f2", "f4", "f8", "i1", "u1", "i4", "i8", "u8", "?", "c8", "S4", "U4", ">f4", "O")


def changed_array(random: Random, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of other numbers, shape or type."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        match random.randrange(8):
            case 0 if array.dtype.names is None:
                names = _TYPES if array.dtype.kind in "biufc" else ("S4", "U4", "O")
                with contextlib.suppress(ValueError):  # text that is not ASCII
                    return array.astype(random.choice(names))
                return array
            case 1:
                return array[None] if random.random() < 0.5 else array.reshape(-1)
            case 2:
                return np.atleast_1d(array)[: random.randrange(3)]
            case 3:
                return np.atleast_1d(array)[..., : random.randrange(3)]
            case 4:
                return np.concatenate([np.atleast_1d(array)] * random.choice((2, 3, 50)))
            case 5 if array.dtype.kind in "fiu":
                return np.asarray(-array if array.dtype.kind != "u" else array + 1)
            case _ if array.dtype.kind in "fiu" and array.size:
                result = np.array(array)
                number = np.asarray(random.choice((*hostile.FLOATS, *hostile.INTEGERS)), np.float64)
                if random.random() < 0.3:
                    result[...] = number.astype(array.dtype)
                else:
                    result.flat[random.randrange(array.size)] = number.astype(array.dtype)
                return result
            case _:
                return array


def archived(random: Random, entries: Sequence[tuple[str, bytes]]) -> bytes:
    """Return entries as a zip archive, which itself may be broken or lie."""
    buffer = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    if random.random() < 0.05:
        method = random.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with (
        warnings.catch_warnings(),
        zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive,
    ):
        warnings.simplefilter("ignore")  # names that come twice
        for name, content in entries:
            archive.writestr(
                zipfile.ZipInfo(name.encode(errors="replace").decode()[:60_000]), content, method
            )
    content = buffer.getvalue()
    match random.randrange(20):
        case 0:
            return hostile.changed_bytes(random, content)
        case 1:
            return content[: random.randrange(len(content) + 1)]
        case 2:
            return _with_lies(random, content)
        case 3:
            return random.randbytes(random.choice((0, 1, 300))) + content
        case _:
            return content


def _with_lies(random: Random, content: bytes) -> bytes:
    """Say other sizes, methods, flags or places in the directory of the archive."""
    changed = bytearray(content)
    start = changed.find(b"PK\x01\x02")
    if start >= 0:
        place, width = random.choice(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (42, 4)))
        number = random.choice((0, 1, 99, 2**31, 2**32 - 1)) % 256**width
        changed[start + place : start + place + width] = number.to_bytes(width, "little")
    return bytes(changed)
