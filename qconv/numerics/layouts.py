"""How a weight of any operator is seen as a matrix: rows of outputs, columns of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Layout:
    """``weight.reshape(split).transpose(order).reshape(rows, columns)``.

    ``axes`` of the reordered axes make up the rows. The rows of ``groups`` equal parts, one
    behind the other, read inputs of their own.
    """

    shape: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]
    axes: int
    groups: int = 1

    @property
    def reordered(self) -> tuple[int, ...]:
        """The split shape in the order of rows and columns."""
        return tuple(self.split[axis] for axis in self.order)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The axes that make up the rows."""
        return self.reordered[: self.axes]

    @property
    def rows(self) -> int:
        """Number of rows, R."""
        return prod(self.row_shape)

    @property
    def columns(self) -> int:
        """Number of columns, K."""
        return prod(self.reordered[self.axes :])

    @property
    def inverse(self) -> tuple[int, ...]:
        """The permutation that undoes ``order``."""
        return tuple(int(axis) for axis in np.argsort(self.order))

    @property
    def is_plain(self) -> bool:
        """Whether rows and columns lie in memory as the weight does."""
        return self.order == tuple(range(len(self.order)))

    def stays_whole(self, *, blocked: bool) -> bool:
        """Whether scales of rows, or of ``blocked`` parts of them, run along an axis of the weight.

        DequantizeLinear gives the weight as it is then, and nothing has to be laid out anew.
        """
        is_matrix = len(self.shape) == 2 and self.axes == 1
        return is_matrix or (self.is_plain and self.axes == 1 and not blocked)

    def to_rows(self, weight: NDArray[T]) -> NDArray[T]:
        """Return the matrix ``[R, K]`` of a weight; a view where that is possible."""
        return weight.reshape(self.split).transpose(self.order).reshape(self.rows, self.columns)

    def from_rows(self, rows: NDArray[T]) -> NDArray[T]:
        """Return the weight of a matrix ``[R, K]``."""
        return rows.reshape(self.reordered).transpose(self.inverse).reshape(self.shape)


def matrix(shape: tuple[int, ...], *, axes: int = 1, groups: int = 1) -> Layout:
    """``[R..., K...]`` as it lies: Conv ``[O, I, k...]``, Gather ``[V, D]``, LSTM (2 axes)."""
    return Layout(shape, shape, tuple(range(len(shape))), axes, groups)


def channel_rows(shape: tuple[int, ...], axis: int) -> Layout:
    """Any weight with its output channels on ``axis``: a row holds what leads to one of them."""
    return Layout(shape, shape, (axis, *(i for i in range(len(shape)) if i != axis)), 1)


def transposed(shape: tuple[int, ...]) -> Layout:
    """MatMul ``[..., K, N]``: rows are columns of the weight."""
    order = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
    return Layout(shape, shape, order, len(shape) - 1)


def convolution_transpose(shape: tuple[int, ...], groups: int) -> Layout:
    """ConvTranspose ``[I, O / groups, k...]``: a row holds what leads to one output channel."""
    split = (groups, shape[0] // groups, *shape[1:])
    order = (0, 2, 1, *range(3, len(split)))
    return Layout(shape, split, order, 2, groups)
