"""Weights of four bits, which layers of integers read as int8, stored two to a byte.

INT4 behind a Cast to INT8 takes the place of an int8 initializer. The runtime computes the Cast
when it loads the model, before it looks for layers of integers, so that these stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, insert_before_reader
from qconv.graph.view import constant, name_of
from qconv.numerics.number_types import INT4
from qconv.numerics.packing import pack

_WEIGHT_INPUTS = {"DequantizeLinear": 0, "MatMulIntegerToFloat": 1}


def four_bit_weights(model: ir.Model) -> Iterator[tuple[ir.Graph, ir.Value]]:
    """Yield the int8 weights of layers whose numbers all fit into four bits, and their graphs."""
    for graph in model.graphs():
        for value in list(graph.initializers.values()):
            uses = value.uses()
            if value.dtype is not ir.DataType.INT8 or not uses:
                continue
            if not all(_WEIGHT_INPUTS.get(use.node.op_type) == use.idx for use in uses):
                continue
            array = constant(value)
            if array is None or array.ndim < 2 or value.is_graph_output():
                continue
            if array.min() >= INT4.qmin and array.max() <= INT4.qmax:
                yield graph, value


def pack_weight(graph: ir.Graph, value: ir.Value, editor: Editor) -> None:
    """Replace an int8 initializer of ``graph`` by INT4 and a Cast; needs opset 21."""
    array = constant(value)
    if array is None:
        raise ValueError(f"{value.name} is no initializer")
    name = name_of(value)
    codes = array.astype(np.int8).view(np.uint8).reshape(1, -1) & np.uint8((1 << INT4.bits) - 1)
    shape = ir.Shape(array.shape)
    cast = editor.node(
        "Cast", [None], f"{name}/int8", dtype=ir.DataType.INT8, shape=shape, to=ir.DataType.INT8
    )
    insert_before_reader([usage.node for usage in value.uses()], graph, cast)
    value.replace_all_uses_with(cast.outputs[0])
    cast.replace_input_with(0, value)
    value.const_value = ir.PackedTensor(
        pack(codes, INT4.bits).reshape(-1), ir.DataType.INT4, shape=shape, name=name
    )
    value.type = ir.TensorType(ir.DataType.INT4)
