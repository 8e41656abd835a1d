"""Grids of small floats are rounded to as their casts do."""

from __future__ import annotations

import numpy as np
import pytest

from qconv.numerics.grids import FP8_E4M3, FP8_E5M2, Grid


@pytest.mark.parametrize("grid", [FP8_E4M3, FP8_E5M2], ids=lambda grid: grid.name)
def test_floats_are_rounded_as_the_cast_does(grid: Grid) -> None:
    """All sixteen high bits of a float32, ties between neighbours, and some of the low bits."""
    assert grid.dtype is not None
    high = np.arange(1 << 16, dtype=np.uint32) << 16
    numbers = np.concatenate([high, high | 1, high | 0xFFFF, high | 0x8000]).view(np.float32)
    numbers = numbers[np.isfinite(numbers)]
    inside = np.clip(numbers, np.float32(grid.low), np.float32(grid.high))
    cast = inside.astype(grid.dtype).astype(np.float32)
    found = grid.nearest(numbers)
    assert np.array_equal(found, cast)
    assert np.array_equal(np.signbit(found), np.signbit(cast))
    assert np.isnan(grid.nearest(np.array([np.nan], np.float32))).all()
