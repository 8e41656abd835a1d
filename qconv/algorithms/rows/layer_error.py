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


def layer_error(
    rows: NDArray[np.float32], quantized: QuantizedRows, gram: NDArray[np.float64]
) -> float:
    """Return ``tr(D H D^T)``: the square error of the output, summed over what ``gram`` sums."""
    return float(row_errors(dequantize_rows(quantized) - rows, gram).sum())
