"""Let layers stay in float that ONNX Runtime would round where they stand among integers.

Its optimizer takes a Conv, ConvTranspose or Gemm with a float weight behind a DequantizeLinear for
one that somebody forgot to quantize, and rounds the weight to 8 bits with one scale for all of it
(``WeightBiasQuantization`` in onnxruntime/core/optimizer/qdq_transformer, since 1.21). It does so
only behind a DequantizeLinear of one scale: such a layer gets one of its own, with the same scale
for each channel.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor
from qconv.graph.layers import groups_of
from qconv.graph.operators.facts import Movement
from qconv.graph.operators.table import operator_of, restores
from qconv.graph.view import (
    constant,
    int_attribute,
    is_constant,
    is_standard,
    name_of,
    static_shape,
)

_INPUTS = {"Conv": 1, "ConvTranspose": 0, "Gemm": 0}
"""The operators that it rounds, and the axis of their weights that counts what they read."""
_CHANNELS = 1
"""The axis of maps, and of the rows that a Gemm reads."""


def keep_float_layers(nodes: Iterable[ir.Node], integers: Container[str], editor: Editor) -> None:
    """Give float layers behind a DequantizeLinear one that has a scale for each channel.

    The optimizer moves a DequantizeLinear past what hands numbers on, so that a layer behind that
    is looked for, too; where the channels are not counted, nothing can be done.

    Args:
        nodes: of a model with Q and DQ, in which layers of integers may still have float weights.
        integers: the names of these.
        editor: of the model.
    """
    made: dict[tuple[ir.Value, int], ir.Value] = {}
    for node in list(nodes):
        if not _is_rounded(node) or str(node.name) in integers:
            continue
        reader, length = node, _length(node)
        value = reader.inputs[0]
        while value is not None and _hands_on(value.producer(), node):
            reader = value.producer() or reader
            value, length = reader.inputs[0], None
        dq = None if value is None else value.producer()
        if dq is None or dq.graph is not node.graph or not _restores(dq) or value is None:
            continue
        shape = static_shape(value)
        length = length or (shape[_CHANNELS] if shape and len(shape) > _CHANNELS else None)
        if length is None:
            continue
        key = value, length
        if key not in made:
            made[key] = _by_channel(dq, length, editor)
        reader.replace_input_with(0, made[key])


def _is_rounded(node: ir.Node) -> bool:
    known = is_standard(node) and _INPUTS.get(node.op_type) is not None
    return known and len(node.inputs) > 1 and is_constant(node.inputs[1])


def _length(layer: ir.Node) -> int | None:
    """Return how many channels a layer reads, or None where another axis is meant."""
    shape = static_shape(layer.inputs[1]) or ()
    axis = _INPUTS[layer.op_type] + int_attribute(layer, "transB", 0)
    length = shape[axis] if len(shape) > axis else None
    if length is None or int_attribute(layer, "transA", 0):
        return None
    return length * groups_of(layer) if axis and len(shape) > 2 else length


def _hands_on(node: ir.Node | None, layer: ir.Node) -> bool:
    return (
        node is not None
        and node.graph is layer.graph
        and operator_of(node).moves in (Movement.LAYOUT, Movement.CHOICE)
        and node.inputs[0] is not None
    )


def _restores(node: ir.Node) -> bool:
    """Whether it restores activations, with one scale."""
    if not restores(node):
        return False
    scale, data = constant(node.inputs[1]), node.inputs[0]
    return scale is not None and scale.size == 1 and data is not None and not is_constant(data)


def _by_channel(dq: ir.Node, length: int, editor: Editor) -> ir.Value:
    name = name_of(dq.outputs[0])
    tables = []
    for value, kind in zip(dq.inputs[1:], ("scales", "zero_points"), strict=False):
        array = constant(value)
        if array is None:
            raise ValueError(f"{name} is not restored by constants")
        tables.append(editor.initializer(f"{name}/{kind}", np.full(length, array)))
    own = editor.node(
        "DequantizeLinear",
        [dq.inputs[0], *tables],
        f"{name}/by_channel",
        dtype=ir.DataType.FLOAT,
        shape=dq.outputs[0].shape,
        axis=_CHANNELS,
    )
    own.domain = dq.domain
    if not isinstance(dq.graph, ir.Graph):
        raise ValueError(f"{dq.name} is in no graph")
    dq.graph.insert_after(dq, own)
    return own.outputs[0]
