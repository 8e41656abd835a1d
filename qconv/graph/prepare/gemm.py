"""Give linear layers the one form that has an integer kernel: Gemm with alpha = beta = 1."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, bypass
from qconv.graph.view import (
    constant,
    is_standard,
    name_of,
    only_consumer,
    rank,
)


def normalize_gemm(model: ir.Model) -> None:
    """Multiply constant weights and biases of Gemm by its alpha and beta."""
    editor = Editor(model.graph)
    for node in list(model.graph):
        if node.op_type == "Gemm" and is_standard(node):
            _absorb(node, 1, "alpha", editor)
            _absorb(node, 2, "beta", editor)


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


def fuse_matmul_add(model: ir.Model) -> None:
    """Turn MatMul + Add of a bias, on a matrix, into Gemm.

    The runtime does the same with float models; when it meets the pair quantized, with the sum
    in float, it would fall back to a float Gemm.
    """
    for matmul in list(model.graph):
        if matmul.op_type != "MatMul" or not is_standard(matmul):
            continue
        weight = constant(matmul.inputs[1])
        add = only_consumer(matmul.outputs[0])
        if rank(matmul.inputs[0]) != 2 or weight is None or weight.ndim != 2:
            continue
        if add is None or add.op_type != "Add" or not is_standard(add):
            continue
        bias_value = add.inputs[0] if add.inputs[1] is matmul.outputs[0] else add.inputs[1]
        bias = constant(bias_value)
        if bias is None or bias.ndim != 1 or bias.size != weight.shape[1]:
            continue
        gemm = ir.node("Gemm", [*matmul.inputs, bias_value], name=matmul.name, num_outputs=1)
        output = gemm.outputs[0]
        output.name = f"{name_of(matmul.outputs[0])}/gemm"
        output.type = matmul.outputs[0].type
        output.shape = add.outputs[0].shape
        model.graph.insert_before(add, gemm)
        bypass(add, output)
        model.graph.remove(matmul, safe=True)
