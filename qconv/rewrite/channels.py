"""Scale the channels that a layer reads or gives, in its constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.layers import bias_of, groups_of, output_axis
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import constant, is_constant, name_of
from qconv.placement.plan import ScaleGroup

Factors = NDArray[np.floating]


def divide_group(group: ScaleGroup, nodes: Mapping[str, ir.Node], factors: Factors) -> None:
    """Divide the channels of a group of values by ``factors [C]``; nodes are given by name."""
    for name in group.writers:
        divide_outputs(nodes[name], factors)
    for name in group.sums:
        divide_summand(nodes[name], factors, group.values[name_of(nodes[name].outputs[0])])
    for reader in group.readers:
        multiply_inputs(nodes[reader.node], factors)


def group_constants(group: ScaleGroup, nodes: Mapping[str, ir.Node]) -> Iterator[ir.Value]:
    """Yield the constants that :func:`divide_group` changes."""
    names = (*group.writers, *group.sums, *(reader.node for reader in group.readers))
    for name in names:
        yield from (v for v in nodes[name].inputs if v is not None and is_constant(v))


def multiply_inputs(layer: ir.Node, factors: Factors) -> None:
    """Multiply what the weight of a Conv, Gemm or MatMul meets in each channel, ``[I]``."""
    weight, array = _weight(layer)
    if operator_of(layer).layer is Family.CONVOLUTION:
        groups = groups_of(layer)
        along = np.repeat(factors.reshape(groups, -1), len(array) // groups, axis=0)
        along = along.reshape(*array.shape[:2], *[1] * (array.ndim - 2))
    else:
        along = factors[:, None] if output_axis(layer) == 1 else factors[None, :]
    set_constant(weight, array.astype(np.float64) * along)


def divide_outputs(layer: ir.Node, factors: Factors) -> None:
    """Divide what a Conv, Gemm or MatMul gives by ``factors [O]``: its weight and its bias."""
    weight, array = _weight(layer)
    shape = [1] * array.ndim
    shape[output_axis(layer)] = -1
    set_constant(weight, array.astype(np.float64) / factors.reshape(shape))
    bias = bias_of(layer)
    numbers = constant(bias)
    if bias is not None and numbers is not None:
        set_constant(bias, numbers.astype(np.float64).reshape(-1) / factors)


def divide_summand(add: ir.Node, factors: Factors, axis: int) -> None:
    """Divide the constant of an Add along an axis of its output."""
    table = next(value for value in add.inputs if is_constant(value))
    array, output = constant(table), add.outputs[0].shape
    if table is None or array is None or output is None:
        raise ValueError(f"{add.name}: it adds no constant")
    along = factors.reshape(-1, *[1] * (len(output) - axis - 1))
    set_constant(table, array.astype(np.float64) / along)


def set_constant(value: ir.Value, array: NDArray[np.floating]) -> None:
    """Give a constant other numbers, in the type that it has."""
    dtype = np.dtype(np.float32) if value.dtype is None else value.dtype.numpy()
    value.const_value = ir.tensor(np.ascontiguousarray(array.astype(dtype)), name=value.name)
    value.shape = ir.Shape(array.shape)


def _weight(layer: ir.Node) -> tuple[ir.Value, NDArray[np.generic]]:
    weight = layer.inputs[1]
    array = constant(weight)
    if weight is None or array is None:
        raise ValueError(f"{layer.name}: its weight is not a constant")
    return weight, array
