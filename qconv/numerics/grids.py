"""Grids of numbers that scaled weights are rounded to, and rows of weights on them. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_EXPONENT = np.uint32(0x7F80_0000)
"""Its bits in a float32."""

_HIGHEST_OF_4_BITS = 7


@dataclass(frozen=True)
class Grid:
    """The numbers that a weight divided by its scale is rounded to ("levels").

    ``levels`` ascend; consecutive integers are a range. ``dtype`` is a type of floats of ml_dtypes
    whose finite values are the levels: numbers are then rounded as its cast does, only faster.
    """

    name: str
    levels: range | tuple[float, ...]
    dtype: type[np.generic] | None = None

    @property
    def low(self) -> float:
        """The smallest level."""
        return self.levels[0]

    @property
    def high(self) -> float:
        """The largest level."""
        return self.levels[-1]

    @property
    def is_integer(self) -> bool:
        """Whether the levels are consecutive integers."""
        return isinstance(self.levels, range)

    @cached_property
    def _thresholds(self) -> Floats:
        """Where the next level begins ``[L - 1]``: a number above threshold i is above level i.

        Midpoints, lowered by one float32 step where the upper neighbour is the even one, that
        is, an even number of levels away from zero.
        """
        levels = np.asarray(self.levels, np.float32)
        middle = (levels[1:] + levels[:-1]) / 2
        from_zero = np.arange(middle.size) - np.searchsorted(levels, np.float32(0))
        return np.where(from_zero % 2 == 0, middle, np.nextafter(middle, np.float32(-np.inf)))

    def nearest(self, x: Floats) -> Floats:
        """Return the level nearest to each number of ``x [...]``, the outermost one beyond.

        Ties go to the even level, as in IEEE 754; on the grid (-1, 1), zero goes to 1.
        """
        if self.is_integer:
            rounded = np.rint(x)
            return np.clip(rounded, np.float32(self.low), np.float32(self.high), out=rounded)
        if self.dtype is not None:
            inside = np.clip(x, np.float32(self.low), np.float32(self.high))
            step = _steps(inside, self.dtype)
            inside /= step
            np.rint(inside, out=inside)
            return np.multiply(inside, step, out=inside)
        return np.asarray(self.levels, np.float32)[np.searchsorted(self._thresholds, x)]


def _steps(x: Floats, dtype: type[np.generic]) -> Floats:
    """Return the distance of neighbours in a type of floats where each number of ``x`` lies.

    It is the power of two in the number, or that of the smallest normal one, less the mantissa.
    """
    about = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    bits: NDArray[np.uint32] = x.view(np.uint32) & _EXPONENT
    np.maximum(bits, np.float32(about.smallest_normal).view(np.uint32), out=bits)
    bits -= np.uint32(about.nmant << np.finfo(np.float32).nmant)
    return bits.view(np.float32)


def integer_grid(low: int, high: int) -> Grid:
    """Return the integers from ``low`` to ``high``, both included.

    Raises:
        ValueError: there are fewer than two.
    """
    if low >= high:
        raise ValueError(f"not a grid: [{low}, {high}]")
    return Grid(f"integers {low} to {high}", range(low, high + 1))


def layer_grid(highest: int) -> Grid:
    """Return the integers up to ``highest`` for weights of layers that run in integers.

    They are symmetric about zero but at 4 bits and fewer, where the outermost one would be missed.
    """
    return integer_grid(-highest - (highest <= _HIGHEST_OF_4_BITS), highest)


def _float_grid(name: str, dtype: type[np.generic]) -> Grid:
    numbers = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    finite = np.unique(numbers[np.isfinite(numbers)])
    return Grid(name, tuple(finite.tolist()), dtype)


TERNARY = Grid("ternary", range(-1, 2))
"""-1, 0 and 1."""

BINARY = Grid("binary", (-1.0, 1.0))
"""-1 and 1; zero is rounded to 1."""

FP8_E4M3 = _float_grid("float8 e4m3fn", ml_dtypes.float8_e4m3fn)
"""The finite values of float8 e4m3fn, up to 448."""

FP8_E5M2 = _float_grid("float8 e5m2", ml_dtypes.float8_e5m2)
"""The finite values of float8 e5m2, up to 57344."""


@dataclass(frozen=True)
class QuantizedRows:
    """Rows of a weight on a grid, in blocks of ``block`` columns; the last block may be shorter.

    ``levels [R, K]`` are numbers of the grid; ``scale [R, ceil(K / block)]`` is positive;
    ``zero_point``, of the same shape, holds integers of the grid, zeros where symmetric.
    """

    levels: Floats
    scale: Floats
    zero_point: Floats
    block: int


def dequantize_rows(rows: QuantizedRows) -> Floats:
    """Return ``(levels - zero_point) * scale`` ``[R, K]`` in float32, as DequantizeLinear does."""
    count, columns = rows.levels.shape
    if rows.scale.shape[1] == 1:
        return (rows.levels - rows.zero_point) * rows.scale
    whole = columns // rows.block * rows.block
    result = np.empty_like(rows.levels)
    blocked = (count, whole // rows.block, rows.block)
    full = rows.levels[:, :whole].reshape(blocked) - rows.zero_point[:, : blocked[1], None]
    result[:, :whole] = (full * rows.scale[:, : blocked[1], None]).reshape(count, whole)
    if whole < columns:
        result[:, whole:] = (rows.levels[:, whole:] - rows.zero_point[:, -1:]) * rows.scale[:, -1:]
    return result
