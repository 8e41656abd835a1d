"""Find the arithmetic on sizes and positions, which has to be exact to the integer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx_ir as ir

from qconv.graph.operators.facts import Sizes
from qconv.graph.operators.table import casts, operator_of
from qconv.graph.view import all_nodes, is_constant, name_of, static_shape
from qconv.observers.ranges import Range

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
        source = operator_of(node).sizes is Sizes.SOURCE
        if source or _is_large_integer(node, ranges, exact) or _on(node, counts):
            found.add(node)
            counts.update(node.outputs)
    return found


def _on(node: ir.Node, counts: set[ir.Value]) -> bool:
    operator = operator_of(node)
    if operator.sizes is Sizes.FIRST:
        return node.inputs[0] in counts
    if operator.sizes is not Sizes.ALL:
        return False
    inputs = [value for value in node.inputs if value is not None]
    computed = [value for value in inputs if not is_constant(value)]
    if operator.layer is not None and any(_is_layer(value) for value in inputs):
        return False
    return bool(computed) and all(value in counts for value in computed)


def _is_layer(value: ir.Value) -> bool:
    shape = static_shape(value)
    return is_constant(value) and math.prod(d or 1 for d in shape or ()) > _SMALL


def _is_large_integer(node: ir.Node, ranges: Mapping[str, Range] | None, exact: int) -> bool:
    """Whether a Cast brings integers to float that calibration has seen beyond ``exact``."""
    value = node.inputs[0] if node.inputs else None
    if ranges is None or not casts(node) or value is None or value.dtype is None:
        return False
    seen = ranges.get(name_of(node.outputs[0]))
    return value.dtype.is_integer() and seen is not None and max(-seen.low, seen.high) > exact
