"""Fold BatchNormalization into the linear operator before it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor, bypass, may_bypass
from qconv.graph.view import constant, int_attribute, is_standard, name_of, only_consumer

Floats = NDArray[np.float64]


def fold_batchnorm(model: ir.Model) -> None:
    """Fold each BatchNormalization that alone reads a Conv, ConvTranspose or Gemm.

    ``y = (Wx + b - mean) * g + beta`` with ``g = gamma / sqrt(var + eps)`` becomes
    ``y = (g W) x + ((b - mean) g + beta)``; computed in float64, stored in the weight's type.
    """
    editor = Editor(model.graph)
    for node in list(model.graph):
        if node.op_type == "BatchNormalization" and is_standard(node):
            _fold(node, editor)


def _fold(norm: ir.Node, editor: Editor) -> None:
    source = norm.inputs[0]
    linear = source.producer() if source is not None else None
    if linear is None or source is None or not is_standard(linear):
        return
    if linear.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return
    if only_consumer(source) is not norm or not may_bypass(norm, source):
        return
    if norm.attributes.get_int("training_mode", 0) or any(
        out.uses() or out.is_graph_output() for out in norm.outputs[1:]
    ):
        return
    weight = constant(linear.inputs[1])
    statistics = [constant(value) for value in norm.inputs[1:5]]
    bias_value = linear.inputs[2] if len(linear.inputs) > 2 else None
    bias = constant(bias_value) if bias_value is not None else np.zeros(())
    if weight is None or bias is None or any(array is None for array in statistics):
        return
    if linear.op_type == "Gemm" and (
        linear.attributes.get_float("alpha", 1.0) != 1.0
        or linear.attributes.get_float("beta", 1.0) != 1.0
    ):
        return
    gamma, beta, mean, variance = (np.asarray(array, np.float64) for array in statistics)
    gain = gamma / np.sqrt(variance + norm.attributes.get_float("epsilon", 1e-5))
    if bias.ndim > 1 and bias.shape != (1, gain.size):
        return
    scaled = _scale_outputs(linear, np.asarray(weight, np.float64), gain)
    offset = (np.asarray(bias, np.float64).reshape(-1) - mean) * gain + beta
    name = name_of(linear.outputs[0])
    linear.replace_input_with(1, editor.initializer(f"{name}/weight", scaled.astype(weight.dtype)))
    folded_bias = editor.initializer(f"{name}/bias", offset.astype(weight.dtype))
    linear.resize_inputs(3)
    linear.replace_input_with(2, folded_bias)
    bypass(norm, source)


def _scale_outputs(linear: ir.Node, weight: Floats, gain: Floats) -> Floats:
    """Multiply the slice of each output channel by its gain."""
    tail = (1,) * (weight.ndim - 2)
    if linear.op_type == "Conv" or (
        linear.op_type == "Gemm" and int_attribute(linear, "transB", 0)
    ):
        return weight * gain.reshape(-1, 1, *tail)
    if linear.op_type == "Gemm":
        return weight * gain
    groups = int_attribute(linear, "group", 1)
    grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    return (grouped * gain.reshape(groups, 1, weight.shape[1], *tail)).reshape(weight.shape)
