"""What runs in integers whose inputs are quantized at run time: products with weights, and LSTM."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

import onnx_ir as ir

from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import all_nodes, int_attribute, is_constant, is_standard, rank
from qconv.numerics.number_types import INT8
from qconv.numerics.schemes import PerAxis, Scheme
from qconv.placement.plan import KEPT, Decisions, DynamicKind, DynamicPlan, NodePlan, Plan
from qconv.placement.rules import empty_refusal
from qconv.placement.stored_weights import Role, WeightOnlyPlan, WeightPlan, place_weights
from qconv.placement.targets.table import Target

_KINDS = {
    "MatMul": DynamicKind.PRODUCT,
    "Gemm": DynamicKind.PRODUCT,
    "LSTM": DynamicKind.LSTM,
}
"""What the runtime has kernels for that quantize their input themselves."""

_STORED = Scheme(INT8, symmetric=True, granularity=PerAxis(0))
_RECURRENT_AXES = 3
_FASTER_FROM = 64
"""Hidden size from which DynamicQuantizeLSTM was measured to be faster than LSTM."""
_NO_GAIN = f"below {_FASTER_FROM} the integer kernel is no faster than float"
_STORED_ROLES = (Role.PRODUCT, Role.CONVOLUTION, Role.RECURRENT)
_NO_KERNEL = {
    "Conv": "convolutions with inputs quantized at run time are slower than float on CPUs",
    **dict.fromkeys(
        ("ConvTranspose", "GRU", "RNN"), "ONNX Runtime has no integer kernel for this operator"
    ),
}


def place_dynamic(model: ir.Model, target: Target, kept: Container[str] = ()) -> DynamicPlan:
    """Return the plan for a prepared model, bodies of control flow included.

    Operators in ``kept`` stay in float because the user wants it.
    """
    nodes: dict[str, NodePlan] = {}
    layers: dict[str, DynamicKind] = {}
    for node in all_nodes(model):
        kind = _kind(node)
        if kind is None:
            continue
        name = str(node.name)
        reason = KEPT if name in kept else _refusal(node, target)
        if reason is None:
            layers[name] = kind
        nodes[name] = NodePlan(name, node.op_type, reason is None, reason or "")
    return DynamicPlan(nodes, target, layers)


def with_dynamic(model: ir.Model, plan: Plan) -> Plan:
    """Add to a static plan what it leaves in float: each LSTM, products in bodies or too fine."""
    found = place_dynamic(model, plan.target)
    kept = plan.demands.kept
    graphs = {str(node.name): node.graph for node in all_nodes(model)}
    small = {
        name: NodePlan(name, "LSTM", False, f"its hidden size is {size}; {_NO_GAIN}")
        for name, size in _hidden_sizes(model).items()
        if size < _FASTER_FROM and name in found.dynamic
    }
    chosen = {
        name: kind
        for name, kind in found.dynamic.items()
        if name not in plan.layers
        and name not in small
        and name not in kept
        and (kind is DynamicKind.LSTM or graphs[name] is not model.graph or name in plan.too_fine)
    }
    in_bodies = {
        name: replace(node, quantized=False, reason=KEPT) if name in kept else node
        for name, node in found.nodes.items()
        if name in chosen or (name not in plan.nodes and graphs[name] is not model.graph)
    }
    return replace(plan, nodes={**plan.nodes, **in_bodies, **small}, dynamic=chosen)


def _hidden_sizes(model: ir.Model) -> dict[str, int]:
    """Return the hidden size of each LSTM, by name."""
    return {
        str(node.name): int_attribute(node, "hidden_size", 0)
        for node in all_nodes(model)
        if _kind(node) is DynamicKind.LSTM
    }


def _kind(node: ir.Node) -> DynamicKind | None:
    return _KINDS.get(node.op_type) if is_standard(node) else None


def place_stored(model: ir.Model, before: Decisions, *, everywhere: bool) -> WeightOnlyPlan:
    """Return which weights of layers are stored in INT8 for operators that compute in float.

    Args:
        model: the model as it is once all integer operators are written.
        before: the plan so far, which may say why operators do not compute in integers.
        everywhere: all weights; else those of recurrent layers, in bodies, and of layers whose
            data are too fine for 8 bits. Those of operators that the user keeps in float stay.
    """
    plan = place_weights(model, before.target, dict.fromkeys(_STORED_ROLES, _STORED))
    by_name = {str(node.name): node for node in all_nodes(model)}

    graphs = (model.graph, *model.graph.subgraphs())
    too_fine = before.too_fine if isinstance(before, Plan) else frozenset()
    kept = {node.node for node in before.kept_float if node.reason == KEPT}

    def concerned(weight: WeightPlan) -> bool:
        if any(reader.node in kept for reader in weight.readers):
            return False
        return everywhere or all(
            weight.role is Role.RECURRENT
            or reader.node in too_fine
            or by_name[reader.node].graph is not model.graph
            for reader in weight.readers
        )

    weights = tuple(
        weight
        for weight in plan.weights
        if weight.role in _STORED_ROLES
        and graphs[weight.graph].initializers[weight.weight].dtype is ir.DataType.FLOAT
        and concerned(weight)
    )
    stored = {reader.node for weight in weights for reader in weight.readers}
    nodes = {
        name: _decision(node, before, stored=name in stored)
        for name, node in plan.nodes.items()
        if name in stored or (node.op_type in _NO_KERNEL and name not in before.nodes)
    }
    return WeightOnlyPlan(nodes, before.target, weights)


def _decision(node: NodePlan, before: Decisions, *, stored: bool) -> NodePlan:
    known = before.nodes.get(node.node)
    why = (known.reason if known is not None else "") or _NO_KERNEL.get(node.op_type, "")
    if not stored:
        return replace(node, quantized=False, reason=node.reason or why)
    reason = "its weights are stored in INT8, and it computes in float" + (
        f": {why}" if why else ""
    )
    return replace(node, quantized=False, reason=reason)


def _refusal(node: ir.Node, target: Target) -> str | None:
    data = node.inputs[0]
    operator = operator_of(node)
    if not target.run_time:
        return (
            f"{target.runtime} has no kernel for this operator that quantizes its input at run time"
        )
    if operator.layer is Family.RECURRENT and not target.has_ort_operators:
        return f"{target.runtime} has no integer kernel for {node.op_type}"
    weights = [node.inputs[index] for index in operator.weights]
    if data is None or data.dtype not in (None, ir.DataType.FLOAT):
        dtype = "of no type" if data is None or data.dtype is None else data.dtype.name.lower()
        return f"it works on {dtype}, not on float32"
    if is_constant(data):
        return "its first input is the constant; weights are quantized only on the second"
    if not all(is_constant(weight) for weight in weights):
        if operator.stacks:
            return "it multiplies two activations; only products with weights are quantized"
        return "its weight is computed at run time"
    if any(weight is not None and weight.dtype is not ir.DataType.FLOAT for weight in weights):
        return "its weight is not float32"
    if (empty := empty_refusal((*node.inputs, *node.outputs))) is not None:
        return empty
    if operator.layer is Family.RECURRENT:
        if int_attribute(node, "layout", 0):
            return "its layout is 1; the integer kernel needs 0"
        if any(rank(weight) != _RECURRENT_AXES for weight in weights):
            return "its weights do not have three axes"
        return None
    axes = rank(weights[0])
    if axes != 2:
        return f"its weight has {axes} axes; the integer kernel needs a matrix"
    return None
