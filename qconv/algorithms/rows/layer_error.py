"""The error of a layer's output that its rounded weights cause, from the Gram matrix alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.grids import QuantizedRows, dequantize_rows

_ROWS = 1024


def row_errors(difference: NDArray[np.floating], gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``diag(D H D^T)`` ``[R]`` of ``difference [R, K]`` and ``gram [G, K, K]``.

    Rows are in G equal groups of consecutive ones.
    """
    groups, columns, _ = gram.shape
    grouped = difference.reshape(groups, -1, columns)
    errors = np.empty(grouped.shape[:2])
    for begin in range(0, grouped.shape[1], _ROWS):
        part = grouped[:, begin : begin + _ROWS].astype(np.float64)
        errors[:, begin : begin + _ROWS] = ((part @ gram) * part).sum(axis=-1)
    return errors.reshape(-1)


def less_error(
    found: NDArray[np.floating], start: NDArray[np.floating], gram: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell of which rows of ``found [R, K]`` the error is less than of those of ``start [R, K]``.

    With A and B the two, ``diag(A H A^T - B H B^T) = diag((A - B) H (A + B)^T)``: one product.
    """
    groups, columns, _ = gram.shape
    ours, theirs = (each.reshape(groups, -1, columns) for each in (found, start))
    less = np.empty(ours.shape[:2], np.bool_)
    for begin in range(0, ours.shape[1], _ROWS):
        one, other = (each[:, begin : begin + _ROWS].astype(np.float64) for each in (ours, theirs))
        change = (((one - other) @ gram) * (one + other)).sum(axis=-1)
        less[:, begin : begin + _ROWS] = change < 0
    return less.reshape(-1)


def layer_error(
    rows: NDArray[np.float32], quantized: QuantizedRows, gram: NDArray[np.float64]
) -> float:
    """Return ``tr(D H D^T)``: the square error of the output, summed over what ``gram`` sums."""
    return float(row_errors(dequantize_rows(quantized) - rows, gram).sum())
