"""Change what a layer adds to its product."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor
from qconv.graph.layers import bias_of, is_scaled, output_axis
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import constant, is_constant, name_of
from qconv.placement.rules import adder_of


def takes_shift(node: ir.Node) -> bool:
    """Whether :func:`shift_bias` can add to what the layer gives."""
    operator, bias = operator_of(node), bias_of(node)
    if operator.layer is Family.CONVOLUTION:
        return bias is None or is_constant(bias)
    if operator.layer is not Family.PRODUCT:
        return False
    if operator.bias is None:
        return adder_of(node) is not None
    array = constant(bias)
    columns = _columns(node)
    plain = array is not None and array.shape in ((), (1,), (columns,), (1, 1), (1, columns))
    return (bias is None or plain) and not is_scaled(node)


def shift_bias(node: ir.Node, shift: NDArray[np.float64], editor: Editor) -> None:
    """Add ``shift [O]`` to the output channels of a Conv, Gemm or MatMul.

    Conv and Gemm get a bias if they have none; of a MatMul it is the Add behind it that changes.
    """
    index = operator_of(node).bias
    holder = adder_of(node) if index is None else node
    if holder is None:
        raise ValueError(f"{node.name}: nothing adds a bias to it")
    if index is None:
        index = next(i for i, value in enumerate(holder.inputs) if is_constant(value))
    old = holder.inputs[index] if len(holder.inputs) > index else None
    array = constant(old)
    dtype = node.outputs[0].dtype
    numpy = np.dtype(np.float32) if dtype is None else dtype.numpy()
    total = shift if array is None else array.astype(np.float64) + shift
    name = f"{node.name}/bias" if old is None else f"{name_of(old)}/corrected"
    if len(holder.inputs) <= index:
        holder.resize_inputs(index + 1)
    holder.replace_input_with(index, editor.initializer(name, total.astype(numpy)))


def _columns(gemm: ir.Node) -> int | None:
    weight = gemm.inputs[1]
    if weight is None or weight.shape is None:
        return None
    size = weight.shape[output_axis(gemm)]
    return size if isinstance(size, int) else None
