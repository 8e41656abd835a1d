"""The types that weights are stored in: their numbers, and their codes of one to eight bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.grids import BINARY, FP8_E4M3, FP8_E5M2, TERNARY, Grid, integer_grid
from qconv.numerics.packing import byte_table


@dataclass(frozen=True)
class StoredType:
    """A type of weights.

    Attributes:
        name: as on the command line.
        grid: the numbers that a weight divided by its scale is rounded to.
        bits: width of one stored number.
        container: the ONNX tensor type that DequantizeLinear takes, or empty if there is none.
        opset: the first opset in which it does.
        symmetric: whether there is no zero point.
    """

    name: str
    grid: Grid
    bits: int
    container: str
    opset: int
    symmetric: bool = True

    @property
    def is_integer(self) -> bool:
        """Whether the container is an integer type."""
        return "INT" in self.container

    @property
    def offset(self) -> int:
        """What an integer's code is larger by than the integer."""
        return 1 << (self.bits - 1) if self.symmetric and self.is_integer else 0

    def codes(self, levels: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the code of each level of the grid."""
        if self.is_integer:
            return (levels + np.float32(self.offset)).astype(np.uint8)
        if self.grid.dtype is None:
            return (levels > 0).astype(np.uint8)
        return levels.astype(self.grid.dtype).view(np.uint8)

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """The number that each code stands for, ``[2 ** bits]``; zero for NaN and Inf."""
        codes = np.arange(1 << self.bits)
        if self.is_integer:
            return (codes - self.offset).astype(np.float32)
        if self.grid.dtype is None:
            return np.asarray(self.grid.levels, np.float32)
        values = codes.astype(np.uint8).view(self.grid.dtype).astype(np.float32)
        return np.where(np.isfinite(values), values, np.float32(0))

    @cached_property
    def byte_values(self) -> NDArray[np.float32]:
        """The numbers that each byte holds, ``[256, 8 / bits]``."""
        return byte_table(self.values, self.bits)


def _integer(name: str, bits: int, opset: int, *, container: int = 0) -> StoredType:
    signed = not name.startswith("u")
    low = -(1 << (bits - 1)) if signed else 0
    width = container or bits
    return StoredType(
        name,
        integer_grid(low, low + (1 << bits) - 1),
        width,
        f"{'' if signed else 'U'}INT{width}",
        opset,
        symmetric=signed,
    )


STORED_TYPES: Mapping[str, StoredType] = {
    stored.name: stored
    for stored in (
        _integer("int8", 8, 13),
        _integer("uint8", 8, 13),
        _integer("int4", 4, 21),
        _integer("uint4", 4, 21),
        _integer("int3", 3, 21, container=4),
        _integer("int2", 2, 25),
        _integer("uint2", 2, 25),
        StoredType("ternary", TERNARY, 2, "INT2", 25),
        StoredType("binary", BINARY, 1, "", 0),
        StoredType("fp8e4m3", FP8_E4M3, 8, "FLOAT8E4M3FN", 19),
        StoredType("fp8e5m2", FP8_E5M2, 8, "FLOAT8E5M2", 19),
    )
}
