"""Whether one operator fits its integer kernel, looked at alone; if not, a sentence says why."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.view import (
    clip_bounds,
    constant,
    int_attribute,
    is_constant,
    is_standard,
    rank,
)
from qconv.placement.targets import Kind, OpRule, Target
from qconv.schemes import PerAxis, Scheme


def data_inputs(node: ir.Node, rule: OpRule) -> tuple[int, ...]:
    """Return the indices of the inputs that the integer kernel reads as integers."""
    return tuple(range(len(node.inputs))) if rule.data_inputs is None else rule.data_inputs


def refusal(node: ir.Node, target: Target) -> str | None:
    """Return why the node cannot run in integers on the target, or None where it could."""
    rule = target.rules.get(node.op_type)
    if not is_standard(node):
        return f"{node.domain}.{node.op_type} is not a standard operator"
    if rule is None:
        other = _other_type(node)
        if other is not None:
            return other
        return target.reasons.get(
            node.op_type, f"{target.runtime} has no integer kernel for {node.op_type}"
        )
    return _other_type(node) or _attribute_refusal(node, rule) or _weight_refusal(node, rule)


def weight_scheme(node: ir.Node, target: Target) -> Scheme:
    """Return the per-channel scheme of a layer's weight: the axis of its output channels.

    Conv ``[O, I, k...] -> 0``; MatMul ``[K, N] -> 1``; Gemm by transB.
    """
    by_row = node.op_type == "Conv" or int_attribute(node, "transB", 0)
    return Scheme(target.weight_dtype, symmetric=True, granularity=PerAxis(0 if by_row else 1))


def _other_type(node: ir.Node) -> str | None:
    value = node.inputs[0] if node.inputs else None
    output = node.outputs[0] if node.outputs else None
    dtype = (value.dtype if value is not None else None) or (output.dtype if output else None)
    if dtype in (None, ir.DataType.FLOAT):
        return None
    return f"it works on {dtype.name.lower()}, not on float32"


def _attribute_refusal(node: ir.Node, rule: OpRule) -> str | None:
    for name, required in rule.attributes.items():
        attribute = node.attributes.get(name)
        if isinstance(required, str):
            found: str | int = attribute.as_string() if attribute is not None else "nearest"
        else:
            found = attribute.as_int() if attribute is not None else 0
        if found != required:
            return f"its {name} is {found}; the integer kernel needs {required}"
    named = [output for output in node.outputs if output.name]
    used = [out for out in named if out.uses() or out.is_graph_output()]
    if rule.max_outputs is not None and len(used) > rule.max_outputs:
        return "its second output is used, which the integer kernel does not give"
    if rule.kind is Kind.CLAMP:
        bounds = clip_bounds(node)
        if bounds is None:
            return "its bounds are computed at run time"
        if not bounds[0] <= 0 <= bounds[1]:
            return f"its bounds [{bounds[0]:g}, {bounds[1]:g}] leave out zero"
    return None


def _weight_refusal(node: ir.Node, rule: OpRule) -> str | None:
    if rule.kind not in (Kind.CONVOLUTION, Kind.PRODUCT):
        return None
    data, weight = node.inputs[0], node.inputs[1]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if is_constant(data):
        return "its first input is the constant; only weights on the second are quantized"
    if not is_constant(weight):
        if node.op_type == "MatMul":
            return "it multiplies two activations; only products with weights are quantized"
        return "its weight is computed at run time"
    if weight is not None and weight.dtype is not ir.DataType.FLOAT:
        return (
            f"its weight is {weight.dtype.name.lower()}, not float32"
            if weight.dtype
            else ("the type of its weight is unknown")
        )
    if bias is not None and not is_constant(bias):
        return "its bias is computed at run time"
    if rule.kind is Kind.PRODUCT and rank(weight) != 2:
        return f"its weight has {rank(weight)} axes; the integer kernel needs a matrix"
    if node.op_type == "Gemm":
        return _gemm_refusal(node, bias)
    return None


def _gemm_refusal(node: ir.Node, bias: ir.Value | None) -> str | None:
    for name in ("alpha", "beta"):
        factor = node.attributes.get_float(name, 1.0)
        if factor != 1.0:
            return f"its {name} is {factor:g}; the integer kernel needs 1"
    array = constant(bias)
    shape = None if node.inputs[1] is None else node.inputs[1].shape
    if array is None or shape is None:
        return None
    columns = shape[0 if int_attribute(node, "transB", 0) else 1]
    if array.size not in (1, columns) or array.shape[-1:] not in ((), (1,), (columns,)):
        return f"its bias has the shape {list(array.shape)}; the integer kernel needs one a column"
    return None
