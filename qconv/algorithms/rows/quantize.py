"""Quantize rows of weights: the one entry to all methods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows.adaround import adaround
from qconv.algorithms.rows.binary import magnitude_scales
from qconv.algorithms.rows.blocks import CHUNK, Floats, Scales, cut
from qconv.algorithms.rows.gptq import gptq
from qconv.algorithms.rows.hqq import half_quadratic_scales
from qconv.algorithms.rows.limits import Limits
from qconv.algorithms.rows.mse import search_scales
from qconv.algorithms.rows.row_settings import BY_MOMENTS, RowSettings
from qconv.algorithms.rows.rtn import range_scales
from qconv.algorithms.rows.ternary import best_ternary_scales, threshold_scales
from qconv.numerics.grids import BINARY, QuantizedRows
from qconv.numerics.threads import on_one_blas_thread


@on_one_blas_thread
def quantize_rows(
    rows: Floats,
    settings: RowSettings,
    gram: NDArray[np.float64] | None,
    limits: Limits | None = None,
) -> QuantizedRows:
    """Quantize ``rows [R, K]``, finite float32, within the limits of a kernel of integers.

    ``gram [G, K, K]`` is the (centred) second moment of the inputs; the rows are in G equal
    groups of consecutive ones, each with its own matrix. With it, "mse" weighs errors with its
    diagonal; "gptq" and "adaround" need it; "rtn" and "hqq" do not look at it.

    Raises:
        ValueError: "gptq" or "adaround" without ``gram``, or shapes that do not fit.
    """
    if gram is None and settings.method in BY_MOMENTS:
        raise ValueError(f"{settings.method} needs the Gram matrix of the inputs")
    if gram is not None and (gram.shape[1:] != 2 * rows.shape[1:] or len(rows) % len(gram)):
        raise ValueError(f"Gram matrices {gram.shape} do not fit rows {rows.shape}")
    start = _start(rows, settings, gram, limits)
    if settings.method not in BY_MOMENTS or gram is None:
        found = start
    else:
        solve = adaround if settings.method == "adaround" else gptq
        found = solve(rows, start, settings, gram, None if limits is None else limits.pairs)
    if limits is None:
        return found
    return limits.held(rows, found, settings.grid, shared=settings.shared)


def _start(
    rows: Floats,
    settings: RowSettings,
    gram: NDArray[np.float64] | None,
    limits: Limits | None,
) -> QuantizedRows:
    """Return the rows as they are without a solver."""
    if limits is not None and (settings.method == "rtn" or not settings.searched):
        return limits.nearest(rows, settings.grid, shared=settings.shared)
    importance = None
    if gram is not None and settings.method in ("mse", *BY_MOMENTS):
        importance = _importance(gram)
    if settings.shared:
        return _as_one_block(rows, settings, importance)
    return _in_chunks(rows, settings, settings.block(rows.shape[1]), importance)


def _importance(gram: NDArray[np.float64]) -> Floats:
    """Return the diagonals ``[G, K]``, 1 in the mean, and never quite zero."""
    diagonal = np.diagonal(gram, axis1=1, axis2=2)
    mean = diagonal.mean(axis=1, keepdims=True)
    return (diagonal / np.where(mean > 0, mean, 1) + 1e-3).astype(np.float32)


def _as_one_block(rows: Floats, settings: RowSettings, importance: Floats | None) -> QuantizedRows:
    count, columns = rows.shape
    if importance is not None:
        importance = np.repeat(importance, count // len(importance), axis=0).reshape(1, -1)
    flat = _in_chunks(rows.reshape(1, -1), settings, rows.size, importance)
    return QuantizedRows(
        flat.levels.reshape(rows.shape),
        np.repeat(flat.scale, count, axis=0),
        np.repeat(flat.zero_point, count, axis=0),
        columns,
    )


def _in_chunks(
    rows: Floats, settings: RowSettings, block: int, importance: Floats | None
) -> QuantizedRows:
    count, columns = rows.shape
    blocks = -(-columns // block)
    levels = np.empty_like(rows)
    scale, zero_point = np.empty((2, count, blocks), np.float32)
    weights = np.ones((1, columns), np.float32) if importance is None else importance
    weights = cut(weights, block)
    share = count // len(weights)
    step = max(1, CHUNK // columns)
    for begin in range(0, count, step):
        part = slice(begin, begin + step)
        cuts = cut(rows[part], block)
        ours = weights if len(weights) == 1 else weights[np.arange(count)[part] // share]
        scales = _scales(cuts, ours, settings)
        centred = scales.centred(cuts, settings.grid)
        if not settings.symmetric:
            centred += scales.zero_point[..., None]
        levels[part] = centred.reshape(len(cuts), -1)[:, :columns]
        scale[part], zero_point[part] = scales.scale, scales.zero_point
    return QuantizedRows(levels, scale, zero_point, block)


def _scales(blocks: Floats, weights: Floats, settings: RowSettings) -> Scales:
    grid, symmetric, method = settings.grid, settings.symmetric, settings.method
    searched = method in ("mse", *BY_MOMENTS)
    if searched and settings.is_ternary:
        return best_ternary_scales(blocks, weights)
    if searched and grid != BINARY:
        return search_scales(blocks, weights, grid, symmetric)
    if grid == BINARY:
        start = magnitude_scales(blocks, weights)
    elif settings.is_ternary:
        start = threshold_scales(blocks, weights)
    else:
        start = range_scales(blocks, grid, symmetric)
    if method == "hqq":
        return half_quadratic_scales(blocks, weights, grid, symmetric, start)
    return start
