"""Write products that give floats as the runtime's own MatMulIntegerToFloat, with the bias in it.

The runtime makes the same of a MatMul between DequantizeLinear and a float reader, but leaves the
Add of the bias behind as a pass over memory of its own. It also turns sums before
LayerNormalization into SkipLayerNormalization, which takes three to five times as long as the two
by themselves (measured, docs/transformers.md); it does not look for Sum.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, absorb, supersede
from qconv.graph.operators.table import RUNTIME_DOMAIN, restores
from qconv.graph.view import constant, is_constant, is_standard, name_of, rank
from qconv.placement.plan import LayerPlan, Plan


def use_float_products(model: ir.Model, plan: Plan) -> int:
    """Replace the MatMuls of the Plan that give floats, in a model with Q/DQ; return how many."""
    editor = Editor(model.graph)
    nodes = {str(node.name): node for node in model.graph}
    found = [
        layer
        for layer in plan.layers.values()
        if layer.op_type == "MatMul"
        and layer.output is None
        and layer.node in nodes
        and plan.values[layer.input].scheme.dtype.bits == 8
    ]
    for layer in found:
        _replace(nodes[layer.node], layer, nodes, editor)
    if found:
        model.graph.opset_imports.setdefault(RUNTIME_DOMAIN, 1)
    return len(found)


def use_standard_products(model: ir.Model) -> None:
    """Write MatMulIntegerToFloat of the main graph with DequantizeLinear again, in place."""
    editor = Editor(model.graph)
    for node in list(model.graph):
        if node.op_type == "MatMulIntegerToFloat" and node.domain == RUNTIME_DOMAIN:
            _restore(node, editor)


def part_sums_from_norms(model: ir.Model) -> None:
    """Write the Add before each LayerNormalization of the main graph as a Sum."""
    for node in list(model.graph):
        if node.op_type != "LayerNormalization" or not is_standard(node):
            continue
        add = node.inputs[0].producer() if node.inputs[0] is not None else None
        if add is not None and add.op_type == "Add" and not any(map(is_constant, add.inputs)):
            add.op_type = "Sum"


def _replace(matmul: ir.Node, layer: LayerPlan, nodes: dict[str, ir.Node], editor: Editor) -> None:
    data, weight = (_dequantizer(matmul, index) for index in (0, 1))
    last = matmul if layer.bias_node is None else nodes[layer.bias_node]
    inputs = [data.inputs[0], weight.inputs[0], data.inputs[1], weight.inputs[1], data.inputs[2]]
    if last is not matmul:
        bias = next(value for value in last.inputs if is_constant(value))
        inputs += [None, _row(bias, weight, editor)]
    output = last.outputs[0]
    product = ir.node(
        "MatMulIntegerToFloat",
        inputs,
        domain=RUNTIME_DOMAIN,
        name=editor.unique(f"{matmul.name}/MatMulIntegerToFloat"),
        outputs=[ir.Value(name=editor.unique(f"{name_of(output)}/product"))],
    )
    supersede(last, product)
    if last is not matmul:
        absorb(product, matmul)
        editor.graph.remove(matmul, safe=True)


def _restore(product: ir.Node, editor: Editor) -> None:
    name = name_of(product.outputs[0])
    inputs = [*product.inputs, *[None] * (7 - len(product.inputs))]
    data, weight, data_scale, weight_scale, data_zero, weight_zero, bias = inputs
    nodes = [
        _dequantize(f"{name}/data", (data, data_scale, data_zero), editor),
        _dequantize(f"{name}/weight", (weight, weight_scale, weight_zero), editor),
    ]
    factors = [node.outputs[0] for node in nodes]
    nodes.append(editor.node("MatMul", factors, f"{name}/matmul"))
    if bias is not None:
        nodes.append(editor.node("Add", [nodes[-1].outputs[0], bias], f"{name}/sum"))
    supersede(product, *nodes)


def _dequantize(
    name: str, numbers: tuple[ir.Value | None, ir.Value | None, ir.Value | None], editor: Editor
) -> ir.Node:
    axis = (rank(numbers[0]) or 2) - 1 if rank(numbers[1]) == 1 else 0
    return editor.node("DequantizeLinear", numbers, name, dtype=ir.DataType.FLOAT, axis=axis)


def _dequantizer(matmul: ir.Node, index: int) -> ir.Node:
    value = matmul.inputs[index]
    producer = None if value is None else value.producer()
    if producer is None or not restores(producer):
        raise ValueError(f"{matmul.name}: its input {index} is not quantized")
    return producer


def _row(bias: ir.Value | None, weight: ir.Node, editor: Editor) -> ir.Value | None:
    """Return the bias with one number for each column, and one axis."""
    array, integers = constant(bias), constant(weight.inputs[0])
    if bias is None or array is None or integers is None:
        raise ValueError(f"the bias behind {weight.name} is not a constant")
    row = np.ascontiguousarray(np.broadcast_to(array.reshape(-1), integers.shape[1:]))
    return editor.initializer(f"{name_of(bias)}/row", row)
