"""A weight in few bits: packed codes, scales and zero points. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.layouts import Layout
from qconv.numerics.number_types import (
    BINARY,
    FP8_E4M3,
    FP8_E5M2,
    INT2,
    INT3,
    INT4,
    INT8,
    TERNARY,
    UINT2,
    UINT4,
    UINT8,
    NumberType,
)
from qconv.numerics.packing import pack, unpack
from qconv.numerics.schemes import Granularity, PerBlock, PerTensor

Real = TypeVar("Real", np.float32, np.float64)

STORED_TYPES: Mapping[str, NumberType] = {
    dtype.name: dtype
    for dtype in (
        *(INT8, UINT8, INT4, UINT4, INT3, INT2, UINT2),
        *(TERNARY, BINARY, FP8_E4M3, FP8_E5M2),
    )
}
"""The types that weights alone may be stored in, by name."""


@dataclass(frozen=True)
class StoredWeight:
    """A weight as rows ``[R, K]`` of codes, ``nb`` blocks of columns a row.

    Attributes:
        dtype: the type of one number.
        layout: how rows become the weight.
        granularity: what shares a scale: the weight, each row (``PerAxis(0)`` of the matrix) or
            each block of a row, of which there are two at least.
        packed: codes ``[R, ceil(K * bits / 8)]``.
        scale: ``[R, nb]``, or ``[1, 1]`` for the whole weight.
        zero_point: codes of the same shape, or None where it is the code of zero.
    """

    dtype: NumberType
    layout: Layout
    granularity: Granularity
    packed: NDArray[np.uint8]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.uint8] | None = None

    @property
    def per_tensor(self) -> bool:
        """Whether one scale serves the whole weight, be it that of its only row."""
        return self.scale.size == 1

    @property
    def block(self) -> int | None:
        """Columns of a block; None where a row is not cut into blocks."""
        return self.granularity.size if isinstance(self.granularity, PerBlock) else None

    @property
    def row_scales(self) -> NDArray[np.float32]:
        """The scale of each row ``[R]``, or that of all of them ``[]``; no row is in blocks."""
        return self.scale.reshape(() if isinstance(self.granularity, PerTensor) else -1)

    @property
    def half_scales(self) -> bool:
        """Whether the scales are float16 numbers, and may be stored as such."""
        return not self.per_tensor and np.array_equal(self.scale, self.scale.astype(np.float16))

    def codes(self) -> NDArray[np.uint8]:
        """Return the codes one by one, ``[R, K]``."""
        return unpack(self.packed, self.dtype.bits, self.layout.columns)

    def integers(self) -> NDArray[np.generic]:
        """Return the integers of a type of eight bits in the shape of the weight."""
        contained = self.dtype.contained(self.codes()).view(self.dtype.numpy)
        return np.ascontiguousarray(self.layout.from_rows(contained))

    def padded(self, columns: int) -> NDArray[np.uint8]:
        """Return the packed codes with rows filled up with zeros to so many columns."""
        missing = columns * self.dtype.bits // 8 - self.packed.shape[1]
        return np.pad(self.packed, ((0, 0), (0, missing)))

    def dequantized(self) -> NDArray[np.float32]:
        """Return the float weight that the codes stand for, in its own shape, as it is computed
        in float32 when the model runs.
        """
        return self._restored(self.dtype.values)

    def exact(self) -> NDArray[np.float64]:
        """Return the weight that the codes stand for, in its own shape, without rounding it."""
        return np.ascontiguousarray(self._restored(self.dtype.values.astype(np.float64)))

    def packed_zero_points(self, count: int) -> NDArray[np.uint8] | None:
        """Return the zero points of ``count`` blocks a row, packed as the codes are."""
        if self.zero_point is None:
            return None
        wide = np.broadcast_to(self.zero_point, (self.layout.rows, self.zero_point.shape[1]))
        if wide.shape[1] != count:
            wide = np.broadcast_to(wide, (self.layout.rows, count))
        return pack(np.ascontiguousarray(wide), self.dtype.bits)

    def _restored(self, values: NDArray[Real]) -> NDArray[Real]:
        """Return the weight where code ``c`` stands for ``values[c]``, in their precision."""
        restored = values[self.codes()]
        if self.zero_point is not None:
            restored -= self._spread(self.zero_point.astype(np.float32))
        restored *= self._spread(self.scale)
        return self.layout.from_rows(restored)

    def _spread(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.block is None:
            return blocks
        return np.repeat(blocks, self.block, axis=1)[:, : self.layout.columns]
