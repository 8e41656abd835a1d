"""GPTQ, arXiv 2210.17323, with coordinate descent behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows.blocks import Floats
from qconv.algorithms.rows.factor import (
    damped,
    full_coupling,
    triangular_coupling,
    unit_gram,
)
from qconv.algorithms.rows.layer_error import less_error
from qconv.algorithms.rows.pairs import Pairs
from qconv.algorithms.rows.row_settings import RowSettings
from qconv.algorithms.rows.sweep import Columns, sweep
from qconv.numerics.grids import QuantizedRows, dequantize_rows

_ROWS = 256
_ELEMENTS = 1 << 22


def gptq(
    rows: Floats,
    start: QuantizedRows,
    settings: RowSettings,
    gram: NDArray[np.float64],
    pairs: Pairs | None = None,
) -> QuantizedRows:
    """Return other levels (and scales, where ``settings.refit``) of less ``tr(D H D^T)``.

    ``start`` brings the scales; a row that it suits better stays as it is there.
    ``rows [R, K]`` are in groups, one for each matrix of ``gram [G, K, K]``. ``pairs`` limits
    levels whose products are added in 16 bits.
    """
    groups, columns, _ = gram.shape
    levels, scale = start.levels.copy(), start.scale.copy()
    views = [
        array.reshape(groups, -1, array.shape[1])
        for array in (rows, dequantize_rows(start), start.zero_point, levels, scale)
    ]
    count = views[0].shape[1]
    step = max(1, _ELEMENTS // (columns * max(columns, count)))
    for first in range(0, groups, step):
        solver = _Solver(gram[first : first + step], start.block, settings, pairs)
        for begin in range(0, count, _ROWS):
            part = [view[first : first + step, begin : begin + _ROWS] for view in views]
            solver.improve(*part)
    return QuantizedRows(levels, scale, start.zero_point, start.block)


class _Solver:
    """Rounds rows that share Gram matrices ``[G, K, K]``."""

    def __init__(
        self, gram: NDArray[np.float64], block: int, settings: RowSettings, pairs: Pairs | None
    ) -> None:
        self.block = block
        self.settings = settings
        self.gram = gram
        groups, columns, _ = gram.shape
        unit = unit_gram(gram)
        order = np.broadcast_to(np.arange(columns), (groups, columns))
        if settings.activation_order:
            order = np.argsort(-np.diagonal(unit, axis1=1, axis2=2), axis=1, kind="stable")
        self.order = order[:, :, None]
        self.pairs = None if pairs is None else pairs.for_groups(groups)
        self.ordered_pairs = None if self.pairs is None else self.pairs.reordered(order)
        self.couplings = full_coupling(damped(unit, settings.damping))
        self.single = unit.astype(np.float32)
        ordered = unit[np.arange(groups)[:, None, None], order[:, :, None], order[:, None, :]]
        del unit
        self.triangle = triangular_coupling(ordered, settings.damping)

    def improve(
        self, rows: Floats, dequantized: Floats, zero_point: Floats, levels: Floats, scale: Floats
    ) -> None:
        """Put better ``levels [G, N, K]`` and ``scale [G, N, b]`` in place."""
        groups, count, columns = rows.shape
        padding = -count % _ROWS if groups == 1 else 0
        block = self.block

        def spread(array: Floats, fill: float) -> Floats:
            padded = np.pad(array, ((0, 0), (0, padding), (0, 0)), constant_values=fill)
            return np.repeat(padded, block, axis=2)[:, :, :columns].swapaxes(1, 2).copy()

        work = Columns(
            np.pad(rows, ((0, 0), (0, padding), (0, 0))).swapaxes(1, 2).copy(),
            spread(scale, 1.0),
            spread(zero_point, 0.0),
            np.zeros((groups, columns, count + padding), np.float32),
        )
        self._solve(work)
        error = work.error()[:, :, :count].swapaxes(1, 2)
        better = less_error(error, dequantized - rows, self.gram).reshape(groups, count, 1)
        found = (work.levels + work.zero_point)[:, :, :count].swapaxes(1, 2)
        levels[...] = np.where(better, found, levels)
        scale[...] = np.where(better, work.scale[:, ::block, :count].swapaxes(1, 2), scale)

    def _solve(self, work: Columns) -> None:
        grid = self.settings.grid
        ordered = Columns(
            *(
                np.take_along_axis(array, self.order, axis=1)
                for array in (work.weights, work.scale, work.zero_point, work.levels)
            )
        )
        sweep(ordered, self.triangle, grid, np.zeros_like(ordered.weights), self.ordered_pairs)
        np.put_along_axis(work.levels, self.order, ordered.levels, axis=1)
        error = work.error()
        for _ in range(self.settings.sweeps):
            if self.settings.refit and not self.settings.shared:
                refit(work, self.single, self.block, error)
            if not sweep(work, self.couplings, grid, error, self.pairs):
                break


def refit(columns: Columns, gram: Floats, block: int, error: Floats) -> None:
    """Give each block in turn the scale of least ``tr(D H D^T)``, all else as it is.

    With the levels v of a block and G = D H, the scale is lowered by ``v . G / v H v^T``.
    """
    for begin in range(0, columns.weights.shape[1], block):
        part = slice(begin, begin + block)
        levels = columns.levels[:, part]
        slope = (levels * (gram[:, part] @ error)).sum(axis=1, keepdims=True)
        power = (levels * (gram[:, part, part] @ levels)).sum(axis=1, keepdims=True)
        old = columns.scale[:, part][:, :1]
        new = old - slope / np.where(power > 0, power, 1)
        scale = np.where((power > 0) & (new > old / 4), new, old)
        columns.scale[:, part] = scale
        error[:, part] = levels * scale - columns.weights[:, part]
