"""The weights that a model file stores: which layer reads them, in what type, how many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from qconv.graph.operators.facts import Numbers
from qconv.graph.operators.table import operator_of
from qconv.graph.view import bodies

_FLOATS = {
    ir.DataType.FLOAT,
    ir.DataType.DOUBLE,
    ir.DataType.FLOAT16,
    ir.DataType.BFLOAT16,
}
_WIDE = {ir.DataType.INT32, ir.DataType.INT16, ir.DataType.UINT16}
_OTHER = {ir.DataType.INT64, ir.DataType.UINT64, ir.DataType.UINT32, ir.DataType.BOOL,
          ir.DataType.STRING, ir.DataType.COMPLEX64, ir.DataType.COMPLEX128}  # fmt: skip
NARROW = set(ir.DataType) - _FLOATS - _WIDE - _OTHER
"""Types of eight bits or fewer."""


@dataclass(frozen=True)
class WeightEntry:
    """One initializer that holds weights.

    ``layer`` and ``op`` are the operator that reads it, behind a DequantizeLinear or Cast;
    ``elements`` counts numbers, also where several share a byte. Scales and zero points are
    ``parameter``, and count for the bytes of their layer alone.
    """

    name: str
    layer: str
    op: str
    dtype: str
    nbytes: int
    elements: int
    quantized: bool
    parameter: bool


def weight_entries(model: ir.Model) -> Iterator[WeightEntry]:
    """Yield the weights of a model, those of subgraphs included, in the order of the file.

    Integers that are no weights (shapes, indices) are left out.
    """
    moving = data_nodes(model)
    for graph in model.graphs():
        for value in graph.initializers.values():
            tensor, use = value.const_value, _first_use(value)
            if tensor is None or use is None:
                continue
            node, index = use
            scales = operator_of(node).scales
            if tensor.dtype in _OTHER or (tensor.dtype in _WIDE and not scales):
                continue
            reader = _reader(node, moving)
            yield WeightEntry(
                name=str(value.name),
                layer=str(reader.name),
                op=reader.op_type,
                dtype=tensor.dtype.name.lower(),
                nbytes=tensor.nbytes,
                elements=_elements(tensor, node),
                quantized=tensor.dtype not in _FLOATS,
                parameter=index in scales,
            )


def _first_use(value: ir.Value) -> tuple[ir.Node, int] | None:
    """Return the first node that reads a value, and at which input."""
    return next(((use.node, use.idx) for use in value.uses()), None)


def data_nodes(model: ir.Model) -> set[int]:
    """Return the ids of the operators that the model's inputs reach, subgraphs included.

    The others compute with constants alone: they restore weights.
    """
    found: set[int] = set()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        producers = [(value, value.producer()) for value in node.inputs if value is not None]
        reached = any(
            id(producer) in found if producer is not None else value.const_value is None
            for value, producer in producers
        )
        if reached or any(True for _ in bodies(node)):
            found.add(id(node))
    return found


def _reader(node: ir.Node, moving: set[int]) -> ir.Node:
    """Follow a weight through what only restores it to the operator that computes with it."""
    while id(node) not in moving and node.outputs:
        use = _first_use(node.outputs[0])
        if use is None:
            break
        node = use[0]
    return node


def _elements(tensor: ir.TensorProtocol, node: ir.Node) -> int:
    """Count numbers; the block formats of com.microsoft pack several into a byte."""
    packed = operator_of(node).numbers is Numbers.PACKED
    if packed and tensor.dtype is ir.DataType.UINT8:
        return tensor.size * 8 // node.attributes.get_int("bits", 4)
    return tensor.size
