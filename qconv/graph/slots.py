"""Which inputs and outputs of an operator may have which type, read from the ONNX schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import onnx
import onnx_ir as ir

from qconv.graph.view import is_standard

CONTROL_FLOW = ("If", "Loop", "Scan")

_TYPE_NAMES = {
    ir.DataType.FLOAT: "tensor(float)",
    ir.DataType.DOUBLE: "tensor(double)",
    ir.DataType.FLOAT16: "tensor(float16)",
    ir.DataType.BFLOAT16: "tensor(bfloat16)",
}


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
    return Slots(
        _allowed(found.inputs, len(node.inputs), name),
        _allowed(found.outputs, len(node.outputs), name),
    )


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
    flags = [name in parameter.types for parameter in parameters]
    return tuple(flags[min(i, len(flags) - 1)] if flags else False for i in range(count))
