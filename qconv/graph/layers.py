"""How the weight of a layer lies, read from its node."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import int_attribute


def is_turned(node: ir.Node, factor: int) -> bool:
    """Whether a factor of a product, 0 or 1, lies transposed."""
    names = operator_of(node).turns
    return bool(names) and int_attribute(node, names[factor], 0) != 0


def output_axis(layer: ir.Node) -> int:
    """Return the axis of the output channels in the weight of a convolution or product.

    Conv ``[O, I / groups, k...] -> 0``; ConvTranspose ``[I, O / groups, k...] -> 1``;
    MatMul ``[K, N] -> 1``; Gemm by transB.
    """
    axis = operator_of(layer).output_axis
    return 1 - axis if is_turned(layer, 1) else axis


def weights_of(node: ir.Node) -> tuple[ir.Value | None, ...]:
    """Return the inputs that hold a node's weights, as many as it has."""
    return tuple(node.inputs[i] for i in operator_of(node).weights if i < len(node.inputs))


def groups_of(layer: ir.Node) -> int:
    """Return into how many groups a layer's channels fall; those of a product are one."""
    kernel = operator_of(layer).family in (Family.CONVOLUTION, Family.SPREADING)
    return int_attribute(layer, "group", 1) if kernel else 1


def bias_of(layer: ir.Node) -> ir.Value | None:
    """Return what a layer adds to each output channel by itself."""
    index = operator_of(layer).bias
    return layer.inputs[index] if index is not None and len(layer.inputs) > index else None


def is_scaled(layer: ir.Node) -> bool:
    """Whether a layer multiplies its product or its bias with a factor."""
    factors = operator_of(layer).factors
    return any(layer.attributes.get_float(name, 1.0) != 1.0 for name, _ in factors)
