"""Which inputs and outputs of an operator may have which type, read from the ONNX schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import onnx
import onnx_ir as ir

from qconv.graph.operators.table import operator_of
from qconv.graph.view import int_attribute, is_standard

_FLOAT = int(ir.DataType.FLOAT)

_TYPE_NAMES = {
    ir.DataType.FLOAT: "tensor(float)",
    ir.DataType.DOUBLE: "tensor(double)",
    ir.DataType.FLOAT16: "tensor(float16)",
    ir.DataType.BFLOAT16: "tensor(bfloat16)",
}
_FORMS = ("{}", "seq({})", "optional({})", "optional(seq({}))")


@dataclass(frozen=True)
class Slots:
    """For each input and output of one node, whether the schema lets it have the asked type."""

    inputs: tuple[bool, ...]
    outputs: tuple[bool, ...]


def slots_for(node: ir.Node, opset: int, dtype: ir.DataType) -> Slots | None:
    """Return where a node may take or give tensors of ``dtype``; None for an unknown operator."""
    if not is_standard(node):
        return None
    found = _schema(node.op_type, opset)
    if found is None:
        return None
    name = _TYPE_NAMES[dtype]
    inputs = _allowed(found.inputs, len(node.inputs), name)
    outputs = _allowed(found.outputs, len(node.outputs), name)
    if operator_of(node).stashes and int_attribute(node, "stash_type", _FLOAT) == _FLOAT:
        outputs = outputs[:1] + (dtype is ir.DataType.FLOAT,) * (len(outputs) - 1)
    return Slots(inputs, outputs)


def takes_any(node: ir.Node, index: int) -> bool:
    """Whether the type of an input has no bearing on that of any other input or output."""
    return index == 0 and operator_of(node).typeless


@cache
def _schema(op_type: str, opset: int) -> onnx.defs.OpSchema | None:
    try:
        return onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return None


def _allowed(
    parameters: Sequence[onnx.defs.OpSchema.FormalParameter], count: int, name: str
) -> tuple[bool, ...]:
    """The last parameter of a variadic operator stands for all further ones."""
    names = {form.format(name) for form in _FORMS}
    flags = [not names.isdisjoint(parameter.types) for parameter in parameters]
    return tuple(flags[min(i, len(flags) - 1)] if flags else False for i in range(count))
