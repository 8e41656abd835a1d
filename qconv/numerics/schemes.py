"""How a tensor is quantized: granularities, schemes and parameters. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.number_types import NumberType


@dataclass(frozen=True)
class PerTensor:
    """One scale and zero point for the whole tensor: ``scale []``."""


@dataclass(frozen=True)
class PerAxis:
    """One scale for each index of ``axis``: ``weight [O, I, kH, kW], axis=0 -> scale [O]``."""

    axis: int


@dataclass(frozen=True)
class PerBlock:
    """One scale for so many consecutive columns of each row: ``[R, K] -> [R, ceil(K / size)]``.

    Raises:
        ValueError: a block without columns.
    """

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a block has at least one column, not {self.size}")


_BLOCK_OPSET = 21

Granularity = PerTensor | PerAxis | PerBlock


@dataclass(frozen=True)
class Scheme:
    """How one tensor is represented: type, symmetry and granularity."""

    dtype: NumberType
    symmetric: bool
    granularity: Granularity

    @property
    def first_opset(self) -> int:
        """The first opset whose DequantizeLinear takes it."""
        blocks = isinstance(self.granularity, PerBlock) and bool(self.dtype.container)
        return max(self.dtype.opset, _BLOCK_OPSET if blocks else 0)


@dataclass(frozen=True)
class QParams:
    """Scale and zero point of one tensor: ``real = scale * (quantized - zero_point)``.

    ``scale`` is float32, ``zero_point`` has the quantized type; both are ``[]`` for
    :class:`PerTensor` and ``[C]`` for :class:`PerAxis`.
    """

    scheme: Scheme
    scale: NDArray[np.float32]
    zero_point: NDArray[np.generic]
