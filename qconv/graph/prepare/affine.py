"""Sums and products with constants, as functions of what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.view import constant, is_standard

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """``y = gain x + offset``, each one number, or one for each channel of maps, ``[C]``."""

    gain: Floats
    offset: Floats

    def then(self, other: Affine) -> Affine:
        """Return what both do one after the other."""
        return Affine(self.gain * other.gain, self.offset * other.gain + other.offset)


def affine_of(node: ir.Node, data: ir.Value, axes: int) -> Affine | None:
    """Return what a sum, difference, product or quotient makes of an operand and a constant.

    The constant is one number, or holds one for each channel, ``[1, C, 1, ...]``. None for others,
    and for quotients by zero or of a constant. ``axes`` is how many the operand has.
    """
    step = _STEPS.get(node.op_type) if is_standard(node) else None
    others = [value for value in node.inputs if value is not data]
    if step is None or len(others) != 1:
        return None
    table = constant(others[0])
    if table is None or not table.size or table.ndim > axes:
        return None
    padded = (1,) * (axes - table.ndim) + table.shape
    if table.size > 1 and (axes < 2 or table.size != padded[1]):
        return None
    numbers = np.asarray(table, np.float64).reshape(-1)
    return step(numbers, others[0] is node.inputs[1])


def _multiplied(numbers: Floats, _: bool) -> Affine:
    return Affine(numbers, np.zeros(1))


def _added(numbers: Floats, _: bool) -> Affine:
    return Affine(np.ones(1), numbers)


def _subtracted(numbers: Floats, second: bool) -> Affine:
    return Affine(np.ones(1), -numbers) if second else Affine(-np.ones(1), numbers)


def _divided(numbers: Floats, second: bool) -> Affine | None:
    return Affine(1 / numbers, np.zeros(1)) if second and numbers.all() else None


_STEPS: Mapping[str, Callable[[Floats, bool], Affine | None]] = {
    "Mul": _multiplied,
    "Add": _added,
    "Sub": _subtracted,
    "Div": _divided,
}
"""What each does with the numbers of a constant, which is its second operand or its first."""
