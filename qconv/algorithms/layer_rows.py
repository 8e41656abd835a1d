"""Round the rows of one layer's weight to integers that an 8-bit kernel multiplies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.input_moment import input_moment
from qconv.algorithms.rows import (
    Method,
    Pairs,
    RowSettings,
    Solver,
    improve_rows,
    quantize_rows,
    shrunk,
)
from qconv.algorithms.rows.layer_error import row_errors
from qconv.algorithms.saturation import PAIR_LIMIT
from qconv.numerics.affine import MIN_SCALE, row_scales
from qconv.numerics.grids import Grid, QuantizedRows, dequantize_rows, layer_grid
from qconv.numerics.schemes import PerAxis, PerTensor
from qconv.numerics.threads import on_one_blas_thread
from qconv.observers.gram import Gram

_SWEEPS = {8: 1, 7: 1, 4: 3}
"""Passes of coordinate descent: at 8 bits more of them fit the calibration data only."""

Number = TypeVar("Number", bound=np.generic)
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class LayerRows:
    """A weight as rows and what its integers have to keep to.

    Attributes:
        matrix: ``[O, K]``.
        bits: 8, 7 or 4.
        smallest: scales may not be under these ``[O]``.
        shared: one scale for all rows.
        partners: for each column the one whose product the kernel adds to it in 16 bits.
        fit: raises scales ``[O]`` until rounding to nearest keeps to the limit of the pairs.
    """

    matrix: Floats
    bits: int
    smallest: Floats
    shared: bool
    partners: NDArray[np.int64] | None
    fit: Callable[[Floats], Floats] | None

    @property
    def grid(self) -> Grid:
        """The integers to round to."""
        return layer_grid(self.bits)


def to_channels(weight: NDArray[Number], axis: int) -> NDArray[Number]:
    """Return the weight with its output channels first: ``[O, I, k...]`` or ``[O, K]``."""
    return np.moveaxis(weight, axis, 0)


def layer_moment(
    grams: Sequence[Gram | None], shape: tuple[int, int], *, centred: bool
) -> Doubles | None:
    """Return the :func:`input_moment` without what its vectors are too few to tell."""
    moment = input_moment(grams, shape, centred=centred)
    return None if moment is None else shrunk(moment, sum(gram.count for gram in grams if gram))


@on_one_blas_thread
def round_layer(
    rows: LayerRows, moment: Doubles | None, solver: Solver = "gptq"
) -> tuple[Floats, Floats]:
    """Return integers ``[O, K]`` and scales, ``[O]``, or ``[1]`` where they are shared.

    With the second moment ``[G, K, K]`` of the inputs by the solver, else to nearest. A row that
    needs a larger scale than is best for it (see ``smallest``) is rounded to nearest.
    """
    nearest = _nearest(rows)
    settings = _settings(rows, "mse" if moment is None else solver)
    found = nearest if rows.bits > 4 else quantize_rows(rows.matrix, settings, moment)
    if moment is not None and rows.bits > 4:
        pairs = None if rows.partners is None else Pairs.of(rows.partners, PAIR_LIMIT)
        found = improve_rows(rows.matrix, nearest, settings, moment, pairs)
        errors = (row_errors(dequantize_rows(q) - rows.matrix, moment) for q in (nearest, found))
        before, after = errors
        found = _choose((after < before)[:, None], found, nearest)
    kept = found.scale[:, 0] >= rows.smallest
    if rows.shared:
        kept = np.broadcast_to(kept.all(), kept.shape)
    found = _choose(kept[:, None], found, nearest)
    return found.levels, found.scale[:1, 0] if rows.shared else found.scale[:, 0]


def _nearest(rows: LayerRows) -> QuantizedRows:
    scale = np.maximum(row_scales(rows.matrix, rows.grid.high), rows.smallest)
    if rows.shared:
        used = np.abs(rows.matrix).any(axis=1)
        scale = np.full_like(scale, scale[used].max(initial=MIN_SCALE))
    if rows.fit is not None:
        scale = rows.fit(scale)
    if rows.shared:
        scale = np.full_like(scale, scale.max(initial=MIN_SCALE))
    levels = rows.grid.nearest((rows.matrix / scale[:, None]).astype(np.float32))
    column = scale[:, None]
    return QuantizedRows(levels, column, np.zeros_like(column), rows.matrix.shape[1])


def _settings(rows: LayerRows, method: Method) -> RowSettings:
    return RowSettings(
        rows.grid,
        PerTensor() if rows.shared else PerAxis(0),
        symmetric=True,
        method=method,
        sweeps=_SWEEPS[rows.bits],
    )


def _choose(first: NDArray[np.bool_], chosen: QuantizedRows, other: QuantizedRows) -> QuantizedRows:
    """Return the rows of ``chosen`` where ``first [O, 1]``, else those of ``other``."""
    return QuantizedRows(
        np.where(first, chosen.levels, other.levels),
        np.where(first, chosen.scale, other.scale),
        other.zero_point,
        other.block,
    )
