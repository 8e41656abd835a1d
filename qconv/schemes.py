"""The nouns of quantization: types, granularities, schemes and parameters. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class DType(Enum):
    """An integer type that a tensor may be quantized to: ``(bits, signed)``."""

    UINT8 = (8, False)
    INT8 = (8, True)
    INT16 = (16, True)
    INT32 = (32, True)

    @property
    def bits(self) -> int:
        """Width of one element in bits."""
        return self.value[0]

    @property
    def signed(self) -> bool:
        """Whether the type holds negative numbers."""
        return self.value[1]

    @property
    def qmin(self) -> int:
        """Smallest integer of the type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def qmax(self) -> int:
        """Largest integer of the type."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy type that stores one element."""
        return np.dtype(f"{'int' if self.signed else 'uint'}{self.bits}")


@dataclass(frozen=True)
class PerTensor:
    """One scale and zero point for the whole tensor: ``scale []``."""


@dataclass(frozen=True)
class PerAxis:
    """One scale for each index of ``axis``: ``weight [O, I, kH, kW], axis=0 -> scale [O]``."""

    axis: int


Granularity = PerTensor | PerAxis


@dataclass(frozen=True)
class Scheme:
    """How one tensor is represented: type, symmetry and granularity."""

    dtype: DType
    symmetric: bool
    granularity: Granularity


@dataclass(frozen=True)
class QParams:
    """Scale and zero point of one tensor: ``real = scale * (quantized - zero_point)``.

    ``scale`` is float32, ``zero_point`` has the quantized type; both are ``[]`` for
    :class:`PerTensor` and ``[C]`` for :class:`PerAxis`.
    """

    scheme: Scheme
    scale: NDArray[np.float32]
    zero_point: NDArray[np.generic]
