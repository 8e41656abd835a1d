"""Keep products of 8-bit weights from saturating on x64 CPUs without VNNI.

Such CPUs multiply unsigned activations by signed weights with ``vpmaddubsw``, which adds two
adjacent products in 16 bits: ``255 (w1 + w2)`` overflows where two weights of the same sign sum
to more than 128. The sum saturates silently, and the same file gives other results than on a
CPU with VNNI.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.view import int_attribute

T = TypeVar("T", bound=np.generic)

PAIR_LIMIT = 128
"""The largest magnitude of ``w1 + w2`` for which ``255 (w1 + w2)`` fits into 16 bits."""


def pair_sums(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest same-sign sum of adjacent pairs of each row ``[O, K] -> [O]``."""
    padded = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
    first, second = padded[:, 0::2], padded[:, 1::2]
    same_sign = (first > 0) == (second > 0)
    sums = np.where(same_sign, np.abs(first) + np.abs(second), 0)
    largest: NDArray[np.float32] = sums.max(axis=1, initial=0)
    return largest


def count_pairs(rows: NDArray[np.generic]) -> tuple[int, int]:
    """Return how many adjacent pairs int8 rows ``[O, K]`` have, and how many could saturate."""
    wide = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).astype(np.int16)
    sums = np.abs(wide[:, 0::2] + wide[:, 1::2])
    return sums.size, int(np.count_nonzero(sums > PAIR_LIMIT))


def is_depthwise(node: ir.Node, shape: tuple[int, ...]) -> bool:
    """Whether the runtime's depthwise kernel is at work, which adds in 32 bits.

    ``shape`` is that of the weight, ``[O, I / group, k...]``.
    """
    return int_attribute(node, "group", 1) == shape[0] > 1 and shape[1] == 1


def kernel_rows(weight: NDArray[T], axis: int) -> NDArray[T]:
    """Lay a weight out as the runtime's kernel reads it: ``[O, K]``.

    ``weight`` is ``[O, I, k...]`` with ``axis=0``, whose input channels then run fastest, or a
    matrix with its output channels on ``axis``.
    """
    rows = np.moveaxis(weight, axis, 0)
    return np.moveaxis(rows, 1, -1).reshape(rows.shape[0], -1)


def fit_pairs(
    weight: NDArray[np.float32], scale: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Raise the scales ``[O]`` until no adjacent pair of rounded weights can saturate."""
    rows = kernel_rows(weight, axis)
    scale = np.maximum(scale, pair_sums(rows) / PAIR_LIMIT).astype(np.float32)
    for _ in range(64):
        sums = pair_sums(np.rint(rows / scale[:, None]))
        if (sums <= PAIR_LIMIT).all():
            break
        scale = np.where(sums > PAIR_LIMIT, scale * np.float32(1.002), scale)
    return scale


def pair_partners(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return for each column of a weight's rows the one that the kernel adds to it, or -1.

    ``shape`` is ``[O, I, k...]`` of a convolution, whose rows ``[I * k...]`` the kernel reads
    with input channels fastest, or ``[O, K]``; the result has one number a column.
    """
    columns = int(np.prod(shape[1:]))
    own = np.arange(columns).reshape(shape[1:])
    kernel = np.moveaxis(own, 0, -1).reshape(-1)
    place = np.argsort(kernel)
    other = place ^ 1
    return np.where(other < columns, kernel[np.minimum(other, columns - 1)], -1)
