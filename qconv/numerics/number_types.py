"""The types that numbers are quantized to, and their codes of one to sixteen bits. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qconv.numerics import grids
from qconv.numerics.grids import Grid, integer_grid
from qconv.numerics.packing import byte_table


@dataclass(frozen=True)
class NumberType:
    """A type of quantized numbers.

    Attributes:
        name: as on the command line.
        grid: the numbers that a tensor divided by its scale is rounded to.
        bits: width of one number in a file.
        container: the ONNX tensor type that DequantizeLinear takes, or empty if there is none.
        opset: the first opset in which it does, with a scale for each channel.
    """

    name: str
    grid: Grid
    bits: int
    container: str
    opset: int

    @property
    def signed(self) -> bool:
        """Whether the type holds negative numbers; weights of others have zero points."""
        return self.grid.low < 0

    @property
    def qmin(self) -> int:
        """The smallest integer of the type."""
        return int(self.grid.low)

    @property
    def qmax(self) -> int:
        """The largest integer of the type."""
        return int(self.grid.high)

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy type that holds one of its integers, of eight bits at least."""
        return np.dtype(f"{'int' if self.signed else 'uint'}{max(self.bits, 8)}")

    @property
    def is_integer(self) -> bool:
        """Whether the container is an integer type."""
        return "INT" in self.container

    @property
    def offset(self) -> int:
        """By how much an integer's code is larger than the integer."""
        return 1 << (self.bits - 1) if self.signed and self.is_integer else 0

    def codes(self, levels: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the code of each level of the grid; the type has eight bits at most."""
        if self.is_integer:
            return (levels + np.float32(self.offset)).astype(np.uint8)
        if self.grid.dtype is None:
            return (levels > 0).astype(np.uint8)
        return levels.astype(self.grid.dtype).view(np.uint8)

    def contained(self, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the bits that the container holds for codes: two's complement where signed."""
        return codes ^ np.uint8(self.offset) if self.offset else codes

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


def integers(name: str, bits: int, opset: int, *, width: int = 0) -> NumberType:
    """Return a type of integers of so many bits, which take ``width`` bits in a file.

    A name with ``u`` in front is that of a type without negative numbers.
    """
    signed = not name.startswith("u")
    low = -(1 << (bits - 1)) if signed else 0
    width = width or bits
    container = f"{'' if signed else 'U'}INT{width}"
    return NumberType(name, integer_grid(low, low + (1 << bits) - 1), width, container, opset)


INT16 = integers("int16", 16, 21)
INT8, UINT8 = integers("int8", 8, 13), integers("uint8", 8, 13)
INT7 = integers("int7", 7, 13, width=8)
INT4, UINT4 = integers("int4", 4, 21), integers("uint4", 4, 21)
INT3 = integers("int3", 3, 21, width=4)
INT2, UINT2 = integers("int2", 2, 25), integers("uint2", 2, 25)
TERNARY = NumberType("ternary", grids.TERNARY, 2, "INT2", 25)
BINARY = NumberType("binary", grids.BINARY, 1, "", 0)
FP8_E4M3 = NumberType("fp8e4m3", grids.FP8_E4M3, 8, "FLOAT8E4M3FN", 19)
FP8_E5M2 = NumberType("fp8e5m2", grids.FP8_E5M2, 8, "FLOAT8E5M2", 19)
