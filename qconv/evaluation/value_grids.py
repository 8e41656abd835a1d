"""The numbers that a QuantizeLinear rounds to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.evaluation.restored import Floats
from qconv.graph.view import constant


@dataclass(frozen=True)
class ValueGrid:
    """The numbers ``scale (q - zero)`` with ``low <= q <= high``, for a whole value."""

    scale: float
    zero: int
    low: int
    high: int

    def clip(self, numbers: Floats) -> Floats:
        """Return numbers with those beyond the ends of the grid put there."""
        low, high = (self.scale * (end - self.zero) for end in (self.low, self.high))
        return np.clip(numbers, np.float32(low), np.float32(high))

    def round(self, numbers: Floats) -> Floats:
        """Return the nearest numbers of the grid."""
        codes = np.clip(np.rint(numbers / self.scale) + self.zero, self.low, self.high)
        rounded: Floats = ((codes - self.zero) * self.scale).astype(np.float32)
        return rounded

    @property
    def levels(self) -> NDArray[np.float64]:
        """All its numbers."""
        codes = np.arange(self.low, self.high + 1)
        levels: NDArray[np.float64] = (codes - self.zero).astype(np.float64) * self.scale
        return levels


def grid_of(quantizer: ir.Node) -> ValueGrid | None:
    """Return the grid of a QuantizeLinear; None where it is not one of integers for all channels.

    Scale and zero point have to be constants.
    """
    scale, zero = constant(quantizer.inputs[1]), _zero_point(quantizer)
    if scale is None or scale.size != 1 or zero is None or zero.size != 1:
        return None
    if zero.dtype not in (np.uint8, np.int8, np.uint16, np.int16):
        return None
    limits = np.iinfo(zero.dtype.name)
    return ValueGrid(float(scale.item()), int(zero.item()), int(limits.min), int(limits.max))


def _zero_point(node: ir.Node) -> NDArray[np.generic] | None:
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return np.zeros((), np.uint8)
    return constant(node.inputs[2])
