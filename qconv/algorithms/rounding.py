"""Round one weight, of whatever operator and for whatever kernel: the one way for all types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows import BY_MOMENTS, Limits, Method, RowSettings, Solver, quantize_rows
from qconv.numerics.grids import Grid, layer_grid
from qconv.numerics.layouts import Layout
from qconv.numerics.number_types import INT4, INT8, NumberType
from qconv.numerics.packing import pack
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock
from qconv.numerics.stored import StoredWeight

_SWEEPS = {"int8": 1, "int7": 1, "int4": 3}
"""Passes of coordinate descent: at 8 bits more of them fit the calibration data only."""

_CHUNK = 1 << 22
"""Weights that are rounded at a time, so that a large table needs little memory."""

_HALF_MIN, _HALF_MAX = 2.0**-14, 65504.0


@dataclass(frozen=True)
class Rounding:
    """How weights are rounded.

    Attributes:
        dtype: the type that they are stored in.
        grid: the numbers of it that they are rounded to.
        granularity: what shares a scale: the weight, each row of it, or each block of a row.
        method: how levels are found; ``gptq`` and ``adaround`` where second moments are known.
        searched: whether scales are of least error, rather than those of the range, where there
            are no second moments and before a solver.
        half_scales: whether scales of whole rows of eight bits are float16 numbers, too.
        sweeps: gptq: passes of coordinate descent behind it.
    """

    dtype: NumberType
    grid: Grid
    granularity: Granularity
    method: Method
    searched: bool = True
    half_scales: bool = False
    sweeps: int = 3

    def method_for(self, *, moments: bool) -> Method:
        """Return the method where second moments are known, or are not."""
        if moments or self.method not in BY_MOMENTS:
            return self.method
        return "mse" if self.searched else "rtn"

    def of_rows(self, columns: int, method: Method) -> RowSettings:
        """Return the same for rows of so many columns."""
        granularity = self.granularity
        if isinstance(granularity, PerBlock) and granularity.size >= columns:
            granularity = PerAxis(0)
        return RowSettings(
            self.grid,
            granularity,
            symmetric=self.dtype.signed,
            method=method,
            searched=self.searched,
            sweeps=self.sweeps,
        )


def storing(
    dtype: NumberType, granularity: Granularity, method: Method, *, half_scales: bool = False
) -> Rounding:
    """Return how weights are rounded that are only stored in a type."""
    return Rounding(dtype, dtype.grid, granularity, method, half_scales=half_scales)


def layer_rounding(granularity: Granularity, dtype: NumberType, solver: Solver | None) -> Rounding:
    """Return how weights are rounded that kernels of 8-bit integers multiply.

    ``dtype`` is INT8, INT7 or INT4; ``solver`` rounds where second moments of the inputs are known,
    None for none.
    """
    searched = dtype == INT4
    method = solver or ("mse" if searched else "rtn")
    return Rounding(
        INT8,
        layer_grid(dtype.qmax),
        granularity,
        method,
        searched=searched,
        sweeps=_SWEEPS[dtype.name],
    )


def round_weight(
    matrix: NDArray[np.generic],
    layout: Layout,
    how: Rounding,
    moment: NDArray[np.float64] | None = None,
    limits: Limits | None = None,
) -> StoredWeight:
    """Round a weight.

    Args:
        matrix: it as rows ``[R, K]`` of finite numbers, or what stands for them.
        layout: how rows become the weight.
        how: the type, and the way to it.
        moment: second moment of the inputs ``[G, K, K]``, where it is known.
        limits: what the kernel demands that is going to multiply its integers.
    """
    settings = how.of_rows(layout.columns, how.method_for(moments=moment is not None))
    together = settings.shared or moment is not None or limits is not None
    step = layout.rows if together else max(1, _CHUNK // layout.columns)
    packed, scales, zero_points = [], [], []
    for start in range(0, layout.rows, step):
        rows = matrix[start : start + step].astype(np.float32, copy=False)
        if limits is None:  # layers of integers keep the order in memory, which sums follow
            rows = np.ascontiguousarray(rows)
        found = quantize_rows(rows, settings, moment, limits)
        packed.append(pack(how.dtype.codes(found.levels), how.dtype.bits))
        scales.append(found.scale)
        zero_points.append(found.zero_point)
    scale, zero_point = np.concatenate(scales), np.concatenate(zero_points)
    if settings.shared:
        scale, zero_point = scale[:1, :1], zero_point[:1, :1]
    if how.half_scales or (isinstance(settings.granularity, PerBlock) and how.dtype.bits < 8):
        scale = _half(scale)
    return StoredWeight(
        how.dtype,
        layout,
        settings.granularity,
        packed=np.concatenate(packed),
        scale=scale,
        zero_point=None if how.dtype.signed else how.dtype.codes(zero_point),
    )


def _half(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round scales to float16 numbers, which take half the space, where all are in its range."""
    if scale.min() < _HALF_MIN or scale.max() > _HALF_MAX:
        return scale
    return scale.astype(np.float16).astype(np.float32)
