"""Fold per-channel scaling into the linear operator before it, or make it one itself."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor, bypass, may_bypass, nodes_to_edit, supersede
from qconv.graph.layers import bias_of, groups_of, is_scaled, output_axis
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.prepare.affine import Floats, affine_of
from qconv.graph.view import (
    constant,
    int_attribute,
    is_constant,
    is_standard,
    name_of,
    only_consumer,
    rank,
)

_SCALING = ("BatchNormalization", "Mul", "Div", "Add", "Sub")


def fold_scaling(model: ir.Model) -> None:
    """Fold what scales or shifts the channels of a Conv, ConvTranspose or Gemm, and nothing else.

    These are BatchNormalization, and Mul, Div, Add and Sub with constants. For
    ``y = (Wx + b) g + o`` the weight becomes ``g W`` and the bias ``b g + o``; computed in
    float64, stored in the weight's type. A BatchNormalization of another map, such as the
    Concat of a DenseNet, becomes a depthwise convolution of one tap, which has an integer
    kernel and is faster in float too. A product with one number goes into the weights of the
    linear operator that alone reads it.
    """
    for node, editor in nodes_to_edit(model):
        if not is_standard(node) or node.op_type not in _SCALING:
            continue
        if _fold(node, editor):
            continue
        if node.op_type == "BatchNormalization":
            _use_convolution(node, editor)
        elif node.op_type == "Mul":
            _fold_forward(node, editor)


def _fold(node: ir.Node, editor: Editor) -> bool:
    source = _linear_input(node)
    linear = None if source is None else source.producer()
    if source is None or linear is None:
        return False
    if only_consumer(source) is not node or not may_bypass(node, source):
        return False
    weight = constant(linear.inputs[1])
    bias_value = bias_of(linear)
    bias = constant(bias_value) if bias_value is not None else np.zeros(())
    if weight is None or bias is None or is_scaled(linear):
        return False
    channels = _channels(linear, weight)
    if not (bias.size == 1 or bias.shape in ((channels,), (1, channels))):
        return False
    found = (
        _normalization(node)
        if node.op_type == "BatchNormalization"
        else _arithmetic(node, source, weight.ndim, channels)
    )
    if found is None or found[0].size != channels:
        return False
    gain, offset = found
    scaled = _scale_outputs(linear, np.asarray(weight, np.float64), gain)
    shifted = np.asarray(bias, np.float64).reshape(-1) * gain + offset
    name = name_of(linear.outputs[0])
    linear.replace_input_with(1, editor.initializer(f"{name}/weight", scaled.astype(weight.dtype)))
    linear.resize_inputs(3)
    linear.replace_input_with(2, editor.initializer(f"{name}/bias", shifted.astype(weight.dtype)))
    bypass(node, source)
    return True


def _use_convolution(norm: ir.Node, editor: Editor) -> None:
    source = norm.inputs[0]
    axes, found = rank(source), _normalization(norm)
    if source is None or source.producer() is None or axes is None or axes < 4 or found is None:
        return
    if source.dtype is not ir.DataType.FLOAT:
        return
    name = name_of(norm.outputs[0])
    gain, offset = (array.astype(np.float32) for array in found)
    weight = editor.initializer(f"{name}/weight", gain.reshape(-1, *(1,) * (axes - 1)))
    bias = editor.initializer(f"{name}/bias", offset)
    supersede(norm, editor.node("Conv", [source, weight, bias], f"{name}/conv", group=gain.size))


def _fold_forward(product: ir.Node, editor: Editor) -> None:
    linear = only_consumer(product.outputs[0])
    if linear is None or not operator_of(linear).is_layer:
        return
    weight = constant(linear.inputs[1])
    if linear.inputs[0] is not product.outputs[0] or weight is None or is_scaled(linear):
        return
    for data, factor in (product.inputs, product.inputs[::-1]):
        number = constant(factor)
        if data is None or number is None or number.size != 1 or is_constant(data):
            continue
        if number.ndim > (rank(data) or 0) or _is_gelu(data):
            return
        scaled = np.asarray(weight, np.float64) * number.astype(np.float64).reshape(())
        name = name_of(linear.outputs[0])
        weight_value = editor.initializer(f"{name}/weight", scaled.astype(weight.dtype))
        linear.replace_input_with(1, weight_value)
        bypass(product, data)
        return


def _is_gelu(value: ir.Value) -> bool:
    """Whether a factor behind the value is the half of Gelu, which the runtime looks for."""
    product = value.producer()
    sums = [] if product is None else [v.producer() for v in product.inputs if v is not None]
    return any(
        node is not None
        and node.op_type == "Add"
        and any(v is not None and _is_erf(v.producer()) for v in node.inputs)
        for node in sums
    )


def _is_erf(node: ir.Node | None) -> bool:
    return node is not None and node.op_type == "Erf"


def _linear_input(node: ir.Node) -> ir.Value | None:
    """Return the input that a linear operator gives; only the first of Div and Sub counts."""
    count = 2 if node.op_type in ("Mul", "Add") else 1
    for value in node.inputs[:count]:
        producer = value.producer() if value is not None else None
        operator = None if producer is None else operator_of(producer)
        if operator is not None and operator.is_layer and operator.bias is not None:
            return value
    return None


def _channels(linear: ir.Node, weight: NDArray[np.generic]) -> int:
    parts = groups_of(linear) if _spreads(linear) else 1
    return int(weight.shape[output_axis(linear)]) * parts


def _spreads(linear: ir.Node) -> bool:
    return operator_of(linear).layer is Family.SPREADING


def _normalization(norm: ir.Node) -> tuple[Floats, Floats] | None:
    """``y = (x - mean) g + beta`` with ``g = gamma / sqrt(var + eps)``."""
    if int_attribute(norm, "training_mode", 0) or any(
        out.uses() or out.is_graph_output() for out in norm.outputs[1:]
    ):
        return None
    statistics = [constant(value) for value in norm.inputs[1:5]]
    if any(array is None for array in statistics):
        return None
    gamma, beta, mean, variance = (np.asarray(array, np.float64) for array in statistics)
    if not gamma.shape == beta.shape == mean.shape == variance.shape:
        return None
    gain = gamma / np.sqrt(variance + norm.attributes.get_float("epsilon", 1e-5))
    return gain, beta - mean * gain


def _arithmetic(
    node: ir.Node, source: ir.Value, axes: int, channels: int
) -> tuple[Floats, Floats] | None:
    """Return gain and offset of each channel behind a sum or product with a constant."""
    found = affine_of(node, source, axes)
    if found is None or any(each.size not in (1, channels) for each in (found.gain, found.offset)):
        return None
    return np.broadcast_to(found.gain, channels), np.broadcast_to(found.offset, channels)


def _scale_outputs(linear: ir.Node, weight: Floats, gain: Floats) -> Floats:
    """Multiply the slice of each output channel by its gain."""
    tail = (1,) * (weight.ndim - 2)
    if _spreads(linear):
        groups = groups_of(linear)
        grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        return (grouped * gain.reshape(groups, 1, weight.shape[1], *tail)).reshape(weight.shape)
    if output_axis(linear) == 0:
        return weight * gain.reshape(-1, 1, *tail)
    return weight * gain
