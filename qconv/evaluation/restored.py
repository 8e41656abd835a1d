"""The weights of a model as its operators see them, whatever format they are stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.errors import ModelError, UnsupportedError
from qconv.graph.layers import output_axis
from qconv.graph.model_io import model_to_bytes
from qconv.graph.operators.facts import Family, Numbers
from qconv.graph.operators.table import operator_of
from qconv.graph.view import constant, int_attribute
from qconv.runtime.session import open_session

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LayerWeight:
    """The weight of one layer in float, one row for each output channel: ``rows [O, K]``."""

    name: str
    op: str
    rows: Floats


def layer_weights(model: ir.Model) -> dict[str, LayerWeight]:
    """Return the weights of Conv, Gemm and MatMul in the main graph, by the layers' names.

    What is stored in few bits is restored by the runtime, from the part of the graph that
    computes with constants alone.
    """
    layers: dict[str, tuple[ir.Node, ir.Value]] = {}
    found: dict[str, LayerWeight] = {}
    for node in model.graph:
        operator = operator_of(node)
        if operator.multiplies and operator.numbers is Numbers.PACKED:
            found[str(node.name)] = LayerWeight(str(node.name), node.op_type, _unpacked(node))
        elif operator.multiplies and operator.weights == (1,) and len(node.inputs) > 1:
            weight = node.inputs[1]
            if weight is not None and _is_constant(weight):
                layers[str(node.name)] = (node, weight)
    arrays = _restore(model, {str(weight.name): weight for _, weight in layers.values()})
    for name, (node, weight) in layers.items():
        array = arrays.get(str(weight.name))
        if array is not None and array.dtype.kind == "f" and array.ndim >= 2:
            found[name] = LayerWeight(name, node.op_type, _rows(node, array.astype(np.float32)))
    return found


def _is_constant(value: ir.Value) -> bool:
    producer = value.producer()
    if producer is None:
        return value.const_value is not None
    return all(each is None or _is_constant(each) for each in producer.inputs)


def _restore(model: ir.Model, wanted: Mapping[str, ir.Value]) -> dict[str, NDArray[np.generic]]:
    """Compute constant values; those that the runtime cannot compute are left out."""
    arrays = {}
    computed = []
    for name, value in wanted.items():
        array = constant(value)
        if array is not None:
            arrays[name] = array
        else:
            computed.append(name)
    if not computed:
        return arrays
    part = model.clone()
    values = ir.convenience.create_value_mapping(part.graph)
    part.graph.outputs.clear()
    part.graph.outputs.extend(values[name] for name in computed)
    needed = _needed(part.graph)
    part.graph.remove([node for node in part.graph if id(node) not in needed], safe=False)
    part.graph.inputs.clear()
    try:
        session = open_session(model_to_bytes(part), optimization="none")
        arrays.update(zip(computed, map(np.asarray, session.run(None, {})), strict=True))
    except (ModelError, UnsupportedError):
        pass
    return arrays


def _needed(graph: ir.Graph) -> set[int]:
    """Return the ids of the nodes that the graph's outputs are computed from."""
    found: set[int] = set()
    pending = [value.producer() for value in graph.outputs]
    while pending:
        node = pending.pop()
        if node is not None and id(node) not in found:
            found.add(id(node))
            pending.extend(value.producer() for value in node.inputs if value is not None)
    return found


def _rows(node: ir.Node, weight: Floats) -> Floats:
    """Return ``[O, K]`` of a weight; of stacked matrices, the columns of all of them."""
    if operator_of(node).family is not Family.PRODUCT or output_axis(node) == 0:
        rows = np.moveaxis(weight, output_axis(node), 0)
        return rows.reshape(len(rows), -1)
    return np.swapaxes(weight, -1, -2).reshape(-1, weight.shape[-2])


def _unpacked(node: ir.Node) -> Floats:
    """Restore the weight of a MatMulNBits: ``scale (q - zero)``, blocks of K for each of N rows.

    Numbers lie in bytes from the lowest bits on; without zero points these are half the range.
    """
    bits, size = int_attribute(node, "bits", 4), int_attribute(node, "block_size", 32)
    rows, width = int_attribute(node, "N", 0), int_attribute(node, "K", 0)
    blocks = -(-width // size)
    packed, scales, *rest = (constant(value) for value in node.inputs[1:4])
    if packed is None or scales is None:
        return np.zeros((rows, 0), np.float32)
    codes = _numbers(packed.reshape(rows, blocks, -1), bits).astype(np.float32)
    zero: NDArray[np.float32] = np.full((1, 1, 1), 1 << (bits - 1), np.float32)
    if rest and rest[0] is not None:
        stored = rest[0]
        if stored.dtype == np.uint8:
            stored = _numbers(stored.reshape(rows, -1), bits)[:, :blocks]
        zero = stored.reshape(rows, blocks, 1).astype(np.float32)
    restored = (codes - zero) * scales.reshape(rows, blocks, 1).astype(np.float32)
    flat: Floats = restored.reshape(rows, -1)[:, :width].astype(np.float32)
    return flat


def _numbers(packed: NDArray[np.generic], bits: int) -> NDArray[np.uint8]:
    """Return the numbers that bytes hold, along the last axis."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    wide = packed.astype(np.uint8)[..., None] >> shifts
    numbers: NDArray[np.uint8] = (wide & np.uint8((1 << bits) - 1)).reshape(*packed.shape[:-1], -1)
    return numbers
