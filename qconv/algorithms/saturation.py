"""Keep products of 8-bit weights from saturating on x64 CPUs without VNNI.

Such CPUs multiply unsigned activations by signed weights with ``vpmaddubsw``, which adds two
adjacent products in 16 bits: ``255 (w1 + w2)`` overflows where two weights of the same sign sum
to more than 128. The sum saturates silently, and the same file gives other results than on a
CPU with VNNI.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

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


def is_depthwise(groups: int, shape: tuple[int, ...]) -> bool:
    """Whether the runtime's depthwise kernel is at work, which adds in 32 bits.

    ``shape`` is that of the weight, ``[O, I / groups, k...]``.
    """
    return groups == shape[0] > 1 and shape[1] == 1


def kernel_rows(weight: NDArray[T], axis: int) -> NDArray[T]:
    """Lay a weight out as the runtime's kernel reads it: ``[O, K]``.

    ``weight`` is ``[O, I, k...]`` with ``axis=0``, whose input channels then run fastest, or a
    matrix with its output channels on ``axis``.
    """
    rows = np.moveaxis(weight, axis, 0)
    return np.moveaxis(rows, 1, -1).reshape(rows.shape[0], math.prod(rows.shape[1:]))


def fit_pairs(rows: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Raise the scales ``[O]`` until no adjacent pair of rounded ``rows [O, K]`` can saturate."""
    scale = np.maximum(scale, pair_sums(rows) / PAIR_LIMIT).astype(np.float32)
    for _ in range(64):
        sums = pair_sums(np.rint(rows / scale[:, None]))
        if (sums <= PAIR_LIMIT).all():
            break
        scale = np.where(sums > PAIR_LIMIT, scale * np.float32(1.002), scale)
    return scale


def kernel_order(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the columns of a weight's rows in the order in which the kernel reads them.

    ``shape`` is ``[O, I, k...]`` of a convolution, whose rows ``[I * k...]`` the kernel reads
    with input channels fastest, or ``[O, K]``.
    """
    own = np.arange(int(np.prod(shape[1:]))).reshape(shape[1:])
    return np.moveaxis(own, 0, -1).reshape(-1)


def pair_partners(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each column the one that is added to it, or -1, by their ``order`` there."""
    place = np.argsort(order)
    other = place ^ 1
    return np.where(other < len(order), order[np.minimum(other, len(order) - 1)], -1)
