"""Write hard activations behind convolutions as sums, products and clips, which run in integers."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, nodes_to_edit, supersede
from qconv.graph.operators.facts import Family, Operator
from qconv.graph.operators.table import operator_of
from qconv.graph.view import is_standard, name_of, only_consumer

_ALPHA, _BETA = 1 / 6, 0.5
"""The HardSigmoid inside HardSwish."""


def split_activations(model: ir.Model) -> None:
    """Rewrite HardSwish and HardSigmoid behind a Conv or Gemm.

    ``HardSigmoid(x) = Clip(a x + b, 0, 1)``, and
    ``x HardSigmoid(x) = a x Clip(x + b / a, 0, 1 / a)``.
    Between integers one float kernel costs a DequantizeLinear and a QuantizeLinear besides. The
    factors go into the weights before and behind, where nothing else reads the value between.
    """
    for node, editor in nodes_to_edit(model):
        data = node.inputs[0] if node.inputs else None
        if not is_standard(node) or data is None or data.dtype is not ir.DataType.FLOAT:
            continue
        linear = data.producer()
        if linear is None or not _takes_factors(operator_of(linear)):
            continue
        if node.op_type == "HardSwish":
            supersede(node, *_swish(data, _ALPHA, _BETA, name_of(node.outputs[0]), editor))
        elif node.op_type == "HardSigmoid":
            _split_sigmoid(node, data, editor)


def _takes_factors(operator: Operator) -> bool:
    return operator.layer in (Family.CONVOLUTION, Family.PRODUCT) and operator.bias is not None


def _split_sigmoid(node: ir.Node, data: ir.Value, editor: Editor) -> None:
    alpha = node.attributes.get_float("alpha", 0.2)
    beta = node.attributes.get_float("beta", 0.5)
    product = only_consumer(node.outputs[0])
    if only_consumer(data) is node:
        supersede(node, *_sigmoid(data, alpha, beta, name_of(node.outputs[0]), editor))
    elif (
        product is not None
        and product.op_type == "Mul"
        and is_standard(product)
        and data in product.inputs
        and alpha > 0
    ):
        supersede(product, *_swish(data, alpha, beta, name_of(product.outputs[0]), editor))
        editor.graph.remove(node, safe=True)


def _sigmoid(
    data: ir.Value, alpha: float, beta: float, name: str, editor: Editor
) -> tuple[ir.Node, ...]:
    scaled = editor.node("Mul", [data, _number(alpha, name, editor)], f"{name}/scaled")
    shifted = editor.node(
        "Add", [scaled.outputs[0], _number(beta, name, editor)], f"{name}/shifted"
    )
    return scaled, shifted, _clip(shifted.outputs[0], 1.0, name, editor)


def _swish(
    data: ir.Value, alpha: float, beta: float, name: str, editor: Editor
) -> tuple[ir.Node, ...]:
    shifted = editor.node("Add", [data, _number(beta / alpha, name, editor)], f"{name}/shifted")
    gate = _clip(shifted.outputs[0], 1 / alpha, name, editor)
    product = editor.node("Mul", [data, gate.outputs[0]], f"{name}/product")
    number = _number(alpha, name, editor)
    return (
        shifted,
        gate,
        product,
        editor.node("Mul", [product.outputs[0], number], f"{name}/scaled"),
    )


def _clip(value: ir.Value, high: float, name: str, editor: Editor) -> ir.Node:
    bounds = [_number(bound, name, editor) for bound in (0.0, high)]
    return editor.node("Clip", [value, *bounds], f"{name}/clip")


def _number(number: float, name: str, editor: Editor) -> ir.Value:
    return editor.initializer(f"{name}/number", np.array(number, np.float32))
