"""Give linear layers the one form that has an integer kernel: Gemm with alpha = beta = 1."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, absorb, nodes_to_edit, supersede
from qconv.graph.operators.table import operator_of
from qconv.graph.view import (
    constant,
    is_constant,
    is_standard,
    name_of,
    only_consumer,
    rank,
    static_shape,
)


def normalize_gemm(model: ir.Model) -> None:
    """Multiply constant weights and biases of Gemm by its alpha and beta."""
    for node, editor in nodes_to_edit(model):
        for attribute, index in operator_of(node).factors:
            _absorb(node, index, attribute, editor)


def _absorb(node: ir.Node, index: int, attribute: str, editor: Editor) -> None:
    factor = node.attributes.get_float(attribute, 1.0)
    value = node.inputs[index] if len(node.inputs) > index else None
    if factor == 1.0:
        return
    if value is not None:
        array = constant(value)
        if array is None:
            return
        scaled = (array * np.asarray(factor, array.dtype)).astype(array.dtype)
        new = editor.initializer(f"{name_of(value)}/{attribute}", scaled)
        node.replace_input_with(index, new)
    node.attributes.pop(attribute)


def use_gemm(model: ir.Model) -> None:
    """Turn each product of a matrix and a weight into Gemm, with the bias that an Add gives it.

    The runtime does the same with float models; when it meets MatMul + Add quantized, with the
    sum in float, it would fall back to a float Gemm.
    """
    for matmul, editor in nodes_to_edit(model):
        if matmul.op_type != "MatMul" or not is_standard(matmul):
            continue
        weight = matmul.inputs[1]
        if rank(matmul.inputs[0]) != 2 or not is_constant(weight) or rank(weight) != 2:
            continue
        bias, last = _bias_after(matmul)
        inputs = [*matmul.inputs, bias] if bias is not None else matmul.inputs
        gemm = editor.node("Gemm", inputs, f"{name_of(last.outputs[0])}/gemm")
        supersede(last, gemm)
        if last is not matmul:
            absorb(gemm, matmul)
            editor.graph.remove(matmul, safe=True)


def _bias_after(matmul: ir.Node) -> tuple[ir.Value | None, ir.Node]:
    """Return the constant that alone is added to the product, one number a column, and its Add."""
    add = only_consumer(matmul.outputs[0])
    weight = static_shape(matmul.inputs[1])
    if add is None or add.op_type != "Add" or not is_standard(add) or weight is None:
        return None, matmul
    bias = add.inputs[0] if add.inputs[1] is matmul.outputs[0] else add.inputs[1]
    if not is_constant(bias):
        return None, matmul
    columns = weight[1]
    fits = static_shape(bias) in ((), (1,), (columns,), (1, 1), (1, columns))
    return (bias, add) if fits else (None, matmul)
