"""A weight in few bits: packed codes, scales and zero points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.layouts import Layout
from qconv.numerics.packing import pack, unpack
from qconv.numerics.stored import StoredType


@dataclass(frozen=True)
class StoredWeight:
    """A weight as rows ``[R, K]`` of codes, ``nb = ceil(K / block)`` blocks a row.

    Attributes:
        stored: the type of one number.
        layout: how rows become the weight.
        block: columns of a block; K where a row is one block.
        packed: codes ``[R, ceil(K * bits / 8)]``.
        scale: ``[R, nb]``, or ``[1, 1]`` for the whole weight.
        zero_point: codes of the same shape, or None where it is the code of zero.
    """

    stored: StoredType
    layout: Layout
    block: int
    packed: NDArray[np.uint8]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.uint8] | None

    @property
    def per_tensor(self) -> bool:
        """Whether one scale serves the whole weight."""
        return self.scale.size == 1

    @property
    def blocks(self) -> int:
        """Number of blocks a row."""
        return -(-self.layout.columns // self.block)

    @property
    def half_scales(self) -> bool:
        """Whether the scales are float16 numbers, and may be stored as such."""
        return not self.per_tensor and np.array_equal(self.scale, self.scale.astype(np.float16))

    def codes(self) -> NDArray[np.uint8]:
        """Return the codes one by one, ``[R, K]``."""
        return unpack(self.packed, self.stored.bits, self.layout.columns)

    def padded(self, columns: int) -> NDArray[np.uint8]:
        """Return the packed codes with rows filled up with zeros to so many columns."""
        missing = columns * self.stored.bits // 8 - self.packed.shape[1]
        return np.pad(self.packed, ((0, 0), (0, missing)))

    def dequantized(self) -> NDArray[np.float32]:
        """Return the float weight that the codes stand for, in its own shape."""
        values = self.stored.values[self.codes()]
        if self.zero_point is not None:
            values -= self._spread(self.zero_point.astype(np.float32))
        values *= self._spread(self.scale)
        restored: NDArray[np.float32] = self.layout.from_rows(values)
        return restored

    def packed_zero_points(self, count: int) -> NDArray[np.uint8] | None:
        """Return the zero points of ``count`` blocks a row, packed as the codes are."""
        if self.zero_point is None:
            return None
        wide = np.broadcast_to(self.zero_point, (self.layout.rows, self.zero_point.shape[1]))
        if wide.shape[1] != count:
            wide = np.broadcast_to(wide, (self.layout.rows, count))
        return pack(np.ascontiguousarray(wide), self.stored.bits)

    def _spread(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        if blocks.shape[1] == 1:
            return blocks
        return np.repeat(blocks, self.block, axis=1)[:, : self.layout.columns]
