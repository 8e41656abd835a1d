"""Numbers of one to eight bits in bytes, the first in the lowest bits. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def pack(codes: Bytes, bits: int) -> Bytes:
    """Pack codes ``[R, C]`` below ``2**bits`` into ``[R, ceil(C * bits / 8)]``.

    The last byte of a row is filled up with zeros. ``bits`` is 1, 2, 4 or 8.
    """
    count = 8 // bits
    if count == 1:
        return codes
    rows, columns = codes.shape
    if columns % count:
        codes = np.pad(codes, ((0, 0), (0, -columns % count)))
    packed = codes[:, 0::count].copy()
    for index in range(1, count):
        packed |= codes[:, index::count] << np.uint8(index * bits)
    return packed.reshape(rows, -1)


def unpack(packed: Bytes, bits: int, columns: int) -> Bytes:
    """Return the codes ``[R, columns]`` that :func:`pack` packed."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    codes = (packed[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    unpacked: Bytes = codes.reshape(len(packed), -1)[:, :columns]
    return unpacked


def byte_table(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Return what each byte holds, ``[256, 8 / bits]``, where code ``c`` means ``values[c]``."""
    codes = unpack(np.arange(256, dtype=np.uint8)[:, None], bits, 8 // bits)
    return values[codes]
