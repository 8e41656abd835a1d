"""Decide which operators may compute in float16 or bfloat16, and why the others stay in float32."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from qconv.errors import UsageError
from qconv.graph.edit import origins, release
from qconv.graph.operators.facts import Float32, Overflow
from qconv.graph.operators.table import casts, operator_of
from qconv.graph.slots import slots_for, takes_any
from qconv.graph.view import all_nodes, constant, is_constant, name_of, static_shape
from qconv.observers.ranges import Range
from qconv.observers.statistic import SENTINEL
from qconv.placement.counting import counting_nodes
from qconv.placement.islands import save_casts
from qconv.placement.plan import KEPT, NodePlan, PrecisionPlan
from qconv.placement.targets.table import Target

FLOAT16_MAX = 65504.0
_OTHER_FLOATS = (ir.DataType.DOUBLE, ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
MARGIN = 2.0
"""Values that calibration has seen must stay below the largest float16 divided by this."""

_MAX_LOST_SHARE = 0.01
"""Largest norm of a constant's rounding error, relative to the constant; 0.0003 is usual."""
_CHUNK = 1 << 18
_EXACT_INTEGERS = {ir.DataType.FLOAT16: 2048, ir.DataType.BFLOAT16: 256}
"""Up to these numbers a type holds every integer."""


def place_precision(
    model: ir.Model,
    target: Target,
    dtype: ir.DataType,
    ranges: Mapping[str, Range] | None,
    *,
    float_layers: Sequence[str] = (),
    kept: Collection[str] = (),
    keep_ports: bool,
) -> PrecisionPlan:
    """Return the operators of a prepared model that must keep float32.

    Args:
        model: a prepared model.
        target: the runtime that will load it.
        dtype: FLOAT16 or BFLOAT16.
        ranges: what calibration has seen, by value name; None without a record. A risky
            operator whose input was not seen is kept in float32.
        float_layers: regular expressions, searched in node names and operator types.
        kept: operators, by name, that keep float32 because the user wants it.
        keep_ports: whether the model's inputs and outputs stay in float32.

    Raises:
        UsageError: a pattern is not a regular expression, or matches nothing.
    """
    patterns = _compiled(float_layers)
    opset = model.graph.opset_imports.get("", 1)
    nodes: dict[str, NodePlan] = {}
    unused = set(patterns)
    counting = counting_nodes(model, ranges, _EXACT_INTEGERS[dtype])
    for node in all_nodes(model):
        if not _is_float(node):
            continue
        matching = {p for p in patterns if any(map(p.search, origins(node)))}
        unused -= matching
        name = str(node.name)
        reason = (
            "it was asked for with `float_layers`"
            if matching
            else (KEPT if name in kept else None)
            or _schema_reason(node, opset, dtype)
            or _recast_reason(node)
            or (_counting_reason(dtype) if node in counting else None)
            or (_overflow_reason(node, ranges) if dtype is ir.DataType.FLOAT16 else None)
        )
        nodes[name] = NodePlan(name, node.op_type, reason is None, reason or "")
    if unused:
        listed = ", ".join(f"'{pattern.pattern}'" for pattern in unused)
        raise UsageError(f"`float_layers` matches no node name and no operator: {listed}")
    saved = save_casts(model, nodes, keep_ports=keep_ports)
    if any(node.quantized for node in saved.values()):
        nodes = saved
    return PrecisionPlan(nodes, target, dtype, frozenset(kept), seen=ranges is not None)


def place_float32(model: ir.Model, target: Target) -> PrecisionPlan:
    """Return the operators that work on float64, float16 or bfloat16, and which can do float32."""
    nodes = {
        str(node.name): NodePlan(
            str(node.name), node.op_type, not (reason := _bits_reason(node)), reason or ""
        )
        for node in all_nodes(model)
        if any(
            value is not None and value.dtype in _OTHER_FLOATS
            for value in (*node.inputs, *node.outputs)
        )
    }
    return PrecisionPlan(nodes, target, ir.DataType.FLOAT)


def _compiled(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    try:
        return [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise UsageError(f"`float_layers`: not a regular expression: {error.pattern!r}") from error


def _is_float(node: ir.Node) -> bool:
    read = (value for index, value in enumerate(node.inputs) if not takes_any(node, index))
    values = [*read, *node.outputs]
    return any(value is not None and value.dtype is ir.DataType.FLOAT for value in values)


def _schema_reason(node: ir.Node, opset: int, dtype: ir.DataType) -> str | None:
    for value in (*node.inputs, *node.outputs):
        if value is not None and not isinstance(value.type, ir.TensorType | None):
            return "sequences and optional values stay in float32"
    for value in node.inputs:
        if value is not None and value.type is None:
            return f"the type of its input '{value.name}' is unknown"
    if operator_of(node).control is not None:
        return None
    slots = slots_for(node, opset, dtype)
    if slots is None:
        return f"{node.domain}.{node.op_type} is not a standard operator"
    if (reason := _kernel_reason(node, dtype)) is not None:
        return reason
    floats = [
        allowed
        for value, allowed in (
            *zip(node.inputs, slots.inputs, strict=True),
            *zip(node.outputs, slots.outputs, strict=True),
        )
        if value is not None and value.dtype is ir.DataType.FLOAT
    ]
    if not any(floats):
        return f"ONNX defines no {dtype.name.lower()} {node.op_type} at opset {opset}"
    return None


def _kernel_reason(node: ir.Node, dtype: ir.DataType) -> str | None:
    """Say what the runtime can do in float32 alone."""
    name, data = dtype.name.lower(), node.inputs[0] if node.inputs else None
    match operator_of(node).float32:
        case Float32.NUMBERS:
            return f"ONNX Runtime generates no {name} numbers"
        case Float32.EYE if data is not None and data.dtype is not ir.DataType.FLOAT:
            return f"ONNX Runtime generates no {name} numbers"
        case Float32.BITS:
            return _bits_reason(node)
        case Float32.TRAINING if len(node.inputs) > 2:
            return f"ONNX Runtime drops nothing in {name}"
        case Float32.REDUCTION if node.attributes.get_string("reduction", "none") != "none":
            return f"ONNX Runtime has no kernel for its reduction in {name}"
        case _:
            return None


def _bits_reason(node: ir.Node) -> str | None:
    bits = operator_of(node).float32 is Float32.BITS
    return "it reads the bits of its data" if bits else None


def _recast_reason(node: ir.Node) -> str | None:
    """A Cast between other types must not lose digits where no Cast is saved by that."""
    if not casts(node) or any(value.is_graph_output() for value in node.outputs):
        return None
    usages = node.outputs[0].uses()
    if all(takes_any(usage.node, usage.idx) for usage in usages):
        return "nothing computes on its result"
    return None


def _counting_reason(dtype: ir.DataType) -> str:
    exact = _EXACT_INTEGERS[dtype]
    return f"it works on sizes or positions, and {dtype.name.lower()} is exact only up to {exact}"


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
    risk = operator_of(node).overflow
    if risk is None:
        return None
    data = node.inputs[0]
    seen = None if ranges is None or data is None else ranges.get(name_of(data))
    if seen is None:
        return f"{node.op_type} may overflow float16, and no calibration shows that it does not"
    inside = _INSIDE[risk](node, _largest(seen))
    if inside * MARGIN > FLOAT16_MAX:
        return f"its inner numbers may reach {inside:.3g}; its input reaches {_largest(seen):.3g}"
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


_INSIDE: Mapping[Overflow, Callable[[ir.Node, float], float]] = {
    Overflow.SUM: lambda node, largest: _reduced(node) * largest,
    Overflow.SQUARES: lambda node, largest: _reduced(node) * largest**2,
    Overflow.SQUARE: lambda _, largest: largest**2,
    Overflow.EXPONENTIAL: _exponential,
    Overflow.PRODUCT: lambda _, largest: float("inf") if largest > 1 else 1.0,
    Overflow.POWER: _power,
}
