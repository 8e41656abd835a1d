"""What runs in integers whose inputs are quantized on the way: products with weights, and LSTM."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum

import onnx_ir as ir

from qconv.graph.view import all_nodes, int_attribute, is_constant, is_standard, rank
from qconv.placement.plan import Decisions, NodePlan
from qconv.placement.weights import Role, WeightOnlyPlan, place_weights

_WITH_WEIGHTS = ("MatMul", "Gemm", "LSTM")
_STORED_BITS = 8
_STORED_ROLES = (Role.PRODUCT, Role.CONVOLUTION, Role.RECURRENT)
_NO_KERNEL = {
    "Conv": "convolutions of inputs that are quantized on the way are slower than float on CPUs",
    "ConvTranspose": "ONNX Runtime has no integer kernel for it",
    "GRU": "ONNX Runtime has no integer kernel for it",
    "RNN": "ONNX Runtime has no integer kernel for it",
}


class DynamicKind(Enum):
    """Which integer operators an operator becomes."""

    PRODUCT = "DynamicQuantizeLinear and MatMulInteger"
    LSTM = "DynamicQuantizeLSTM"


@dataclass(frozen=True)
class DynamicPlan(Decisions):
    """Which operators become integer ones, by name; ``nodes`` holds the operators with weights."""

    layers: dict[str, DynamicKind]


def place_dynamic(model: ir.Model, graphs: Container[ir.Graph] | None = None) -> DynamicPlan:
    """Return the plan for a prepared model, bodies of control flow included.

    ``graphs`` restricts it to operators that are in one of them.
    """
    nodes: dict[str, NodePlan] = {}
    layers: dict[str, DynamicKind] = {}
    for node in all_nodes(model):
        if graphs is not None and node.graph not in graphs:
            continue
        if node.op_type not in _WITH_WEIGHTS or not is_standard(node):
            continue
        reason = _refusal(node)
        name = str(node.name)
        if reason is None:
            layers[name] = DynamicKind.LSTM if node.op_type == "LSTM" else DynamicKind.PRODUCT
        nodes[name] = NodePlan(name, node.op_type, reason is None, reason or "")
    return DynamicPlan(nodes, layers)


def place_stored(
    model: ir.Model, reasons: Decisions, graphs: Container[ir.Graph] | None = None
) -> WeightOnlyPlan:
    """Return which weights of layers are stored in INT8 for operators that compute in float.

    Args:
        model: the model as it is once all integer operators are written.
        reasons: why these operators do not compute in integers, where that was said before.
        graphs: restricts the plan to weights that only operators of these graphs read.
    """
    plan = place_weights(model, _STORED_BITS, None)
    by_name = {str(node.name): node for node in all_nodes(model)}

    def chosen(node: str) -> bool:
        return graphs is None or by_name[node].graph in graphs

    weights = tuple(
        weight
        for weight in plan.weights
        if weight.role in _STORED_ROLES and all(chosen(reader.node) for reader in weight.readers)
    )
    nodes = {}
    for weight in weights:
        for reader in weight.readers:
            before = reasons.nodes.get(reader.node)
            why = _NO_KERNEL.get(reader.op_type) or (before.reason if before is not None else "")
            reason = "its weights are stored in INT8, and it computes in float"
            reason += f": {why}" if why else ""
            nodes[reader.node] = NodePlan(reader.node, reader.op_type, False, reason)
    for name, node in plan.nodes.items():
        if name not in nodes and node.op_type in _NO_KERNEL and chosen(name):
            nodes[name] = NodePlan(
                name, node.op_type, False, node.reason or _NO_KERNEL[node.op_type]
            )
    return WeightOnlyPlan(nodes, weights)


def _refusal(node: ir.Node) -> str | None:
    data = node.inputs[0]
    weights = node.inputs[1:3] if node.op_type == "LSTM" else node.inputs[1:2]
    if data is None or data.dtype not in (None, ir.DataType.FLOAT):
        dtype = "of no type" if data is None or data.dtype is None else data.dtype.name.lower()
        return f"it works on {dtype}, not on float32"
    if is_constant(data):
        return "its first input is the constant; only weights on the second are quantized"
    if not all(is_constant(weight) for weight in weights):
        if node.op_type == "MatMul":
            return "it multiplies two activations; only products with weights are quantized"
        return "its weight is computed at run time"
    if any(weight is not None and weight.dtype is not ir.DataType.FLOAT for weight in weights):
        return "its weight is not float32"
    if node.op_type == "LSTM":
        if int_attribute(node, "layout", 0):
            return "its layout is 1; the integer kernel needs 0"
        return None
    axes = rank(weights[0])
    if axes != 2:
        return f"its weight has {axes} axes; the integer kernel needs a matrix"
    return None
