"""Find the arithmetic on sizes and positions, which has to be exact to the integer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx_ir as ir

from qconv.graph.view import all_nodes, is_constant, is_standard, name_of, static_shape
from qconv.observers.ranges import Range

_SOURCES = {"NonZero", "Range", "Shape", "Size"}
_ARITHMETIC = {
    "Abs",
    "Add",
    "Cast",
    "Ceil",
    "Concat",
    "Cos",
    "Div",
    "Einsum",
    "Exp",
    "Floor",
    "Log",
    "MatMul",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Pow",
    "Reciprocal",
    "Round",
    "Sin",
    "Sqrt",
    "Sub",
}
_FIRST_INPUT = {
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
}
"""Operators that compute on their first input; the others say where or how."""

_SMALL = 1024
"""A product with a larger constant is a layer."""


def counting_nodes(model: ir.Model, ranges: Mapping[str, Range] | None, exact: int) -> set[ir.Node]:
    """Return the nodes that compute on nothing but sizes, positions, and constants.

    What float16 makes of a position of 3,000, of a size of 4,099 or of the ratio of two sizes is
    a wrong index, shape or angle. Such numbers come from Shape, Size, Range and NonZero, and from
    integers that calibration has seen beyond ``exact``.
    """
    counts: set[ir.Value] = set()
    found: set[ir.Node] = set()
    for node in all_nodes(model):
        if not is_standard(node):
            continue
        if node.op_type in _SOURCES or _is_large_integer(node, ranges, exact) or _on(node, counts):
            found.add(node)
            counts.update(node.outputs)
    return found


def _on(node: ir.Node, counts: set[ir.Value]) -> bool:
    if node.op_type in _FIRST_INPUT:
        return node.inputs[0] in counts
    if node.op_type not in _ARITHMETIC:
        return False
    inputs = [value for value in node.inputs if value is not None]
    computed = [value for value in inputs if not is_constant(value)]
    if node.op_type in ("Einsum", "MatMul") and any(_is_layer(value) for value in inputs):
        return False
    return bool(computed) and all(value in counts for value in computed)


def _is_layer(value: ir.Value) -> bool:
    shape = static_shape(value)
    return is_constant(value) and math.prod(d or 1 for d in shape or ()) > _SMALL


def _is_large_integer(node: ir.Node, ranges: Mapping[str, Range] | None, exact: int) -> bool:
    """Whether a Cast brings integers to float that calibration has seen beyond ``exact``."""
    value = node.inputs[0] if node.inputs else None
    if ranges is None or node.op_type != "Cast" or value is None or value.dtype is None:
        return False
    seen = ranges.get(name_of(node.outputs[0]))
    return value.dtype.is_integer() and seen is not None and max(-seen.low, seen.high) > exact
