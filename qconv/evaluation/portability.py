"""Which layers may give other numbers on x64 CPUs without VNNI, and how much of each is at risk.

See :mod:`qconv.algorithms.saturation` for what such CPUs do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.saturation import count_pairs, is_depthwise, kernel_rows
from qconv.graph.layers import groups_of, output_axis
from qconv.graph.operators.facts import Family, Numbers
from qconv.graph.operators.table import casts, operator_of, restores
from qconv.graph.view import constant
from qconv.reporting.contents import LayerRisk

_INT8 = ir.DataType.INT8


def layer_risks(model: ir.Model) -> Iterator[LayerRisk]:
    """Yield each layer of the main graph that multiplies 8-bit activations with int8 weights.

    A file of any origin will do, as QDQ or as operators of integers. Layers whose kernel adds in
    32 bits everywhere are left out: depthwise convolutions, and those with uint8 weights.
    """
    for node, rows in integer_rows(model):
        pairs, risky = count_pairs(rows)
        yield LayerRisk(str(node.name), node.op_type, pairs, risky)


def integer_rows(model: ir.Model) -> Iterator[tuple[ir.Node, NDArray[np.generic]]]:
    """Yield each of these layers with its weight as the kernel reads it, ``[O, K]``."""
    for node in model.graph:
        array = _int8(_weight(node))
        if array is None or array.ndim < 2 or not array.size:
            continue
        if not _convolves(node) or not is_depthwise(groups_of(node), array.shape):
            yield node, _rows(node, array)


def _weight(node: ir.Node) -> ir.Value | None:
    """Return the integers that a layer of integers multiplies with, None for another operator."""
    operator = operator_of(node)
    if operator.family not in (Family.CONVOLUTION, Family.PRODUCT):
        return None
    weight = node.inputs[operator.weights[0]]
    if operator.numbers is Numbers.INTEGER:
        return weight
    return None if _restored(node.inputs[0]) is None else _restored(weight)


def _convolves(node: ir.Node) -> bool:
    return operator_of(node).family is Family.CONVOLUTION


def _restored(value: ir.Value | None) -> ir.Value | None:
    """Return the integers that a DequantizeLinear makes a value of, None where none does."""
    producer = value.producer() if value is not None else None
    return producer.inputs[0] if producer is not None and restores(producer) else None


def _int8(value: ir.Value | None) -> NDArray[np.generic] | None:
    """Return a constant of int8, also one that is stored in fewer bits behind a Cast."""
    producer = value.producer() if value is not None else None
    if value is not None and producer is not None and casts(producer):
        stored = constant(producer.inputs[0])
        return stored.astype(np.int8) if stored is not None and value.dtype is _INT8 else None
    array = constant(value)
    return array if array is not None and array.dtype == np.int8 else None


def _rows(node: ir.Node, weight: NDArray[np.generic]) -> NDArray[np.generic]:
    """Lay out a weight as the kernel reads it, ``[O, K]``; of stacked matrices, all of them."""
    if not _convolves(node) and weight.ndim > 2:
        return np.swapaxes(weight, -1, -2).reshape(-1, weight.shape[-2])
    return kernel_rows(weight, output_axis(node))
