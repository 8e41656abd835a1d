"""Decide which operators may compute in float16 or bfloat16, and why the others stay in float32."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from qconv.errors import UsageError
from qconv.graph.edit import release
from qconv.graph.slots import CONTROL_FLOW, slots_for
from qconv.graph.view import all_nodes, constant, is_constant, is_standard, name_of, static_shape
from qconv.observers.ranges import Range
from qconv.observers.statistic import SENTINEL
from qconv.placement.plan import NodePlan, PrecisionPlan

FLOAT16_MAX = 65504.0
_OTHER_FLOATS = (ir.DataType.DOUBLE, ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
MARGIN = 2.0
"""Values that calibration has seen must stay below the largest float16 divided by this."""

_MAX_LOST_SHARE = 0.01
"""Largest norm of a constant's rounding error, relative to the constant; 0.0003 is usual."""
_HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN")
_CHUNK = 1 << 20

_SUMS = {"ReduceSum", "ReduceL1", "ReduceMean", "CumSum"}
_SQUARES = {"ReduceSumSquare", "ReduceL2"}
_NORMS = {
    "LayerNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "MeanVarianceNormalization",
    "LpNormalization",
}
_EXPONENTIALS = {"Exp", "ReduceLogSumExp", "ReduceProd", "Pow"}
_RISKY = _SUMS | _SQUARES | _NORMS | _EXPONENTIALS


def place_precision(
    model: ir.Model,
    dtype: ir.DataType,
    ranges: Mapping[str, Range] | None,
    keep_float: Sequence[str],
) -> PrecisionPlan:
    """Return the operators of a prepared model that must keep float32.

    Args:
        model: a prepared model.
        dtype: FLOAT16 or BFLOAT16.
        ranges: what calibration has seen, by value name; None without a record. A risky
            operator whose input was not seen is kept in float32.
        keep_float: regular expressions, searched in node names and operator types.

    Raises:
        UsageError: a pattern is not a regular expression, or matches nothing.
    """
    patterns = _compiled(keep_float)
    opset = model.graph.opset_imports.get("", 1)
    nodes: dict[str, NodePlan] = {}
    unused = set(patterns)
    for node in all_nodes(model):
        if not _is_float(node):
            continue
        matching = {p for p in patterns if p.search(str(node.name)) or p.search(node.op_type)}
        unused -= matching
        reason = (
            "it was asked for with --keep-float"
            if matching
            else _schema_reason(node, opset, dtype)
            or (_overflow_reason(node, ranges) if dtype is ir.DataType.FLOAT16 else None)
        )
        name = str(node.name)
        nodes[name] = NodePlan(name, node.op_type, reason is None, reason or "")
    if unused:
        listed = ", ".join(f"'{pattern.pattern}'" for pattern in unused)
        raise UsageError(f"--keep-float matches no node name and no operator: {listed}")
    _keep_between(model, nodes)
    return PrecisionPlan(nodes, dtype)


def place_float32(model: ir.Model) -> PrecisionPlan:
    """Return the operators that work on float64, float16 or bfloat16, and can all do float32."""
    nodes = {
        str(node.name): NodePlan(str(node.name), node.op_type, True, "")
        for node in all_nodes(model)
        if any(
            value is not None and value.dtype in _OTHER_FLOATS
            for value in (*node.inputs, *node.outputs)
        )
    }
    return PrecisionPlan(nodes, ir.DataType.FLOAT)


def _compiled(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    try:
        return [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise UsageError(f"--keep-float: not a regular expression: {error.pattern!r}") from error


def _is_float(node: ir.Node) -> bool:
    values = [*node.inputs, *node.outputs]
    return any(value is not None and value.dtype is ir.DataType.FLOAT for value in values)


def _schema_reason(node: ir.Node, opset: int, dtype: ir.DataType) -> str | None:
    if node.op_type in CONTROL_FLOW and is_standard(node):
        return None
    slots = slots_for(node, opset, dtype)
    if slots is None:
        return f"{node.domain}.{node.op_type} is not a standard operator"
    name = dtype.name.lower()
    floats = [
        allowed
        for value, allowed in (
            *zip(node.inputs, slots.inputs, strict=True),
            *zip(node.outputs, slots.outputs, strict=True),
        )
        if value is not None and value.dtype is ir.DataType.FLOAT
    ]
    if not any(floats):
        return f"ONNX defines no {name} {node.op_type} at opset {opset}"
    return None


def _overflow_reason(node: ir.Node, ranges: Mapping[str, Range] | None) -> str | None:
    for value in node.inputs:
        if is_constant(value) and value is not None and value.dtype is ir.DataType.FLOAT:
            reason = _weight_reason(value)
            if reason is not None:
                return reason
    for value, role in _values(node):
        seen = None if ranges is None else ranges.get(name_of(value))
        if seen is not None and _largest(seen) * MARGIN > FLOAT16_MAX:
            return f"its {role} '{value.name}' reaches {_largest(seen):.3g}"
    if not is_standard(node) or node.op_type not in _RISKY:
        return None
    data = node.inputs[0]
    seen = None if ranges is None or data is None else ranges.get(name_of(data))
    if seen is None:
        return f"{node.op_type} may overflow float16, and no calibration shows that it does not"
    inside = _INSIDE[node.op_type](node, _largest(seen))
    if inside * MARGIN > FLOAT16_MAX:
        return f"inside it numbers may reach {inside:.3g}; its input reaches {_largest(seen):.3g}"
    return None


def _values(node: ir.Node) -> Iterator[tuple[ir.Value, str]]:
    for value in node.inputs:
        if value is not None and not is_constant(value):
            yield value, "input"
    for value in node.outputs:
        if value.name:
            yield value, "output"


def _largest(seen: Range) -> float:
    return max(abs(seen.low), abs(seen.high)) if seen.low <= seen.high else 0.0


def _weight_reason(value: ir.Value) -> str | None:
    array = constant(value)
    if array is None or not array.size:
        return None
    largest = lost = total = 0.0
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        numbers = flat[start : start + _CHUNK]
        finite = numbers[np.abs(numbers) < SENTINEL]
        largest = max(largest, float(np.abs(finite).max(initial=0.0)))
        with np.errstate(over="ignore"):
            errors = finite.astype(np.float16).astype(np.float64) - finite
        lost += float((errors**2).sum())
        total += float((finite.astype(np.float64) ** 2).sum())
    del array, flat, numbers, finite, errors
    release(value.const_value)
    if largest > FLOAT16_MAX:
        return f"its constant '{value.name}' holds {largest:.3g}, beyond float16"
    if lost > total * _MAX_LOST_SHARE**2:
        share = (lost / total) ** 0.5
        return (
            f"its constant '{value.name}' is too small for float16, which loses {share:.0%} of it"
        )
    return None


def _keep_between(model: ir.Model, nodes: dict[str, NodePlan]) -> None:
    """Keep float32 in cheap operators that stand between kept ones: it saves two Casts each."""
    waiting = [node for node in all_nodes(model) if str(node.name) in nodes]
    by_name = {str(node.name): node for node in waiting}

    def kept(node: ir.Node | None) -> bool:
        return node is not None and str(node.name) in nodes and not nodes[str(node.name)].quantized

    while waiting:
        node = waiting.pop()
        name = str(node.name)
        if kept(node) or node.op_type in (*CONTROL_FLOW, *_HEAVY):
            continue
        sources = [v for v in node.inputs if v is not None and _computed_float(v)]
        readers = [usage.node for value in node.outputs for usage in value.uses()]
        producers = [value.producer() for value in sources]
        if producers and readers and all(map(kept, [*producers, *readers])):
            reason = "it stands between operators that stay in float32"
            nodes[name] = NodePlan(name, node.op_type, False, reason)
            near = (by_name.get(str(n.name)) for n in (*producers, *readers) if n is not None)
            waiting += [neighbour for neighbour in near if neighbour is not None]


def _computed_float(value: ir.Value) -> bool:
    return value.dtype is ir.DataType.FLOAT and not is_constant(value)


def _reduced(node: ir.Node) -> float:
    """Return how many elements a reduction adds up; all of a dynamic axis count as 4096."""
    shape = static_shape(node.inputs[0])
    if shape is None:
        return 4096.0
    axes_value = node.inputs[1] if len(node.inputs) > 1 else None
    array = constant(axes_value)
    attribute = node.attributes.get("axes")
    if array is not None:
        axes = [int(axis) for axis in array.reshape(-1)]
    elif attribute is not None:
        axes = list(attribute.as_ints())
    else:
        axes = list(range(len(shape)))
    return float(np.prod([float(shape[axis] or 4096) for axis in axes]))


def _power(node: ir.Node, largest: float) -> float:
    exponent = constant(node.inputs[1])
    if exponent is None:
        return float("inf")
    with np.errstate(over="ignore"):
        return float(np.power(max(largest, 1.0), float(np.max(exponent))))


def _exponential(_: ir.Node, largest: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(largest)))


_INSIDE: Mapping[str, Callable[[ir.Node, float], float]] = {
    **dict.fromkeys(_SUMS, lambda node, largest: _reduced(node) * largest),
    **dict.fromkeys(_SQUARES, lambda node, largest: _reduced(node) * largest**2),
    **dict.fromkeys(_NORMS, lambda _, largest: largest**2),
    "Exp": _exponential,
    "ReduceLogSumExp": _exponential,
    "ReduceProd": lambda _, largest: float("inf") if largest > 1 else 1.0,
    "Pow": _power,
}
