"""Which operators work on floats: the others are no matter of types that are smaller."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.operators.facts import Sizes
from qconv.graph.operators.table import operator_of
from qconv.graph.view import is_constant


def works_on_floats(node: ir.Node) -> bool:
    """Whether an operator reads or gives floats, or what is of an unknown type.

    One that looks at the size of a value alone does not, nor one that chooses or repeats.
    """
    operator = operator_of(node)
    if not operator.computes:
        return False
    if any(output.name and _may_be_float(output) for output in node.outputs):
        return True
    computed = [value for value in node.inputs if value is not None and not is_constant(value)]
    return operator.sizes is not Sizes.SOURCE and any(map(_may_be_float, computed))


def _may_be_float(value: ir.Value) -> bool:
    return value.dtype is None or value.dtype.is_floating_point()
