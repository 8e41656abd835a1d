"""Whether one operator fits its integer kernel, looked at alone; if not, a sentence says why."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

from qconv.graph.layers import bias_of, output_axis
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import (
    clip_bounds,
    constant,
    is_constant,
    is_empty,
    is_standard,
    name_of,
    only_consumer,
    rank,
    static_shape,
)
from qconv.numerics.schemes import PerAxis, PerTensor, Scheme
from qconv.observers.statistic import SENTINEL
from qconv.placement.demands import Demands
from qconv.placement.targets.table import Kind, OpRule, Sums, Target


def data_inputs(node: ir.Node, target: Target) -> tuple[int, ...]:
    """Return the indices of the inputs that the integer kernel reads as integers."""
    rule = target.rules[node.op_type]
    if target.sums is Sums.SKIP and _is_sum(node):
        return _skipping(node)
    return tuple(range(len(node.inputs))) if rule.data_inputs is None else rule.data_inputs


def refusal(node: ir.Node, target: Target, demands: Demands) -> str | None:
    """Return why the node cannot run in integers on the target, or None where it could."""
    if not is_standard(node):
        return f"{target.runtime} has no integer kernel for {node.domain}.{node.op_type}"
    rule = target.rules.get(node.op_type)
    if rule is None:
        general = f"{target.runtime} has no integer kernel for {node.op_type}"
        return target.reasons.get(node.op_type) or _other_result(node) or general
    return (
        _other_data(node, target)
        or _empty_refusal(node, target)
        or _type_refusal(node, target, demands)
        or _attribute_refusal(node, rule)
        or _weight_refusal(node, rule)
        or _table_refusal(node, target)
        or _sum_refusal(node, target)
    )


def weight_scheme(node: ir.Node, target: Target, demands: Demands) -> Scheme:
    """Return the scheme of a layer's weight; its axis is that of the output channels."""
    asked = demands.layer_schemes.get(str(node.name))
    if asked is not None:
        return asked
    per_channel = demands.per_channel and target.rules[node.op_type].per_channel
    granularity = PerAxis(output_axis(node)) if per_channel else PerTensor()
    return Scheme(demands.weights, symmetric=True, granularity=granularity)


def adder_of(product: ir.Node) -> ir.Node | None:
    """Return the Add that alone reads a product and gives it a constant bias, if there is one."""
    add = only_consumer(product.outputs[0])
    if add is None or not operator_of(add).adds:
        return None
    other = add.inputs[0] if add.inputs[1] is product.outputs[0] else add.inputs[1]
    return add if _is_bias(other, product) else None


def _is_bias(value: ir.Value | None, product: ir.Node) -> bool:
    """Whether a constant has one number for each column of a product, or one for all."""
    shape, weight, axes = (
        static_shape(value),
        static_shape(product.inputs[1]),
        rank(product.inputs[0]),
    )
    if not is_constant(value) or shape is None or weight is None or axes is None:
        return False
    return len(shape) <= axes and set(shape[:-1]) <= {1} and set(shape[-1:]) <= {1, weight[1]}


def _other_result(node: ir.Node) -> str | None:
    dtypes = [output.dtype for output in node.outputs if output.name]
    if not dtypes or dtypes[0] in (None, ir.DataType.FLOAT):
        return None
    return f"it gives {dtypes[0].name.lower()}, not float32"


def _other_data(node: ir.Node, target: Target) -> str | None:
    for index in data_inputs(node, target):
        value = node.inputs[index]
        if value is not None and value.dtype not in (None, ir.DataType.FLOAT):
            return f"it works on {value.dtype.name.lower()}, not on float32"
    return None


def empty_refusal(values: Iterable[ir.Value | None]) -> str | None:
    """Return why a node is not quantized that reads or gives an array without elements."""
    empty = next((value for value in values if value is not None and is_empty(value)), None)
    return None if empty is None else f"'{name_of(empty)}' is empty"


def _empty_refusal(node: ir.Node, target: Target) -> str | None:
    read = [node.inputs[index] for index in data_inputs(node, target)]
    weights = [node.inputs[index] for index in operator_of(node).weights]
    return empty_refusal((*read, *weights, *node.outputs))


def _attribute_refusal(node: ir.Node, rule: OpRule) -> str | None:
    for name, allowed in rule.attributes.items():
        found = _attribute_values(node, name) or [allowed[0]]
        if not set(found) <= set(allowed):
            shown = ", ".join(map(str, found))
            wanted = " or ".join(map(str, allowed))
            return f"its {name} is {shown}; the integer kernel needs {wanted}"
    named = [output for output in node.outputs if output.name]
    used = [out for out in named if out.uses() or out.is_graph_output()]
    if rule.max_outputs is None and len(used) < len(node.outputs):
        return "one of its outputs is unused; the integer kernel gives all of them"
    if rule.max_outputs is not None and len(used) > rule.max_outputs:
        return "its second output is used, which the integer kernel does not give"
    if rule.kind is Kind.CLAMP:
        bounds = clip_bounds(node)
        if bounds is None:
            return "its bounds are computed at run time"
        if not bounds[0] <= 0 <= bounds[1]:
            return f"its bounds [{bounds[0]:g}, {bounds[1]:g}] do not include zero"
    return None


def _type_refusal(node: ir.Node, target: Target, demands: Demands) -> str | None:
    """Say which type of those that are asked for the integer kernel does not take."""
    rule = target.rules[node.op_type]
    usual = target.activations[demands.activations or target.activation]
    read = [node.inputs[index] for index in data_inputs(node, target)]
    for value in (*read, *node.outputs) if rule.activations else ():
        scheme = usual if value is None else demands.value_schemes.get(str(value.name), usual)
        if scheme not in [target.activations.get(word) for word in rule.activations]:
            return f"its integer kernel takes {_either(rule.activations)}, not {scheme.dtype.name}"
    if rule.kind in (Kind.CONVOLUTION, Kind.PRODUCT) and rule.weights:
        name = weight_scheme(node, target, demands).dtype.name
        if name not in rule.weights:
            return f"its integer kernel takes weights of {_either(rule.weights)}, not {name}"
    return None


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(words)


def added_layer(node: ir.Node, target: Target) -> ir.Node | None:
    """Return the layer whose kernel adds the other operand of a residual sum, where it does so."""
    if target.sums is not Sums.SKIP or not _is_sum(node) or not (skipped := _skipping(node)):
        return None
    value = node.inputs[1 - skipped[0]]
    return None if value is None else value.producer()


def _is_sum(node: ir.Node) -> bool:
    """Whether a node adds two values that are computed."""
    return operator_of(node).adds and not any(map(is_constant, node.inputs))


def _skipping(add: ir.Node) -> tuple[int, ...]:
    """Return the operand that skipped the layer whose result the other one is, if there is one.

    Where both are results of layers, the kernel of the second operand's adds.
    """
    producers = [None if value is None else value.producer() for value in add.inputs]
    for index in (1, 0):
        layer = producers[index]
        own = layer is not None and operator_of(layer).layer is not None
        if layer is not None and own and only_consumer(layer.outputs[0]) is add:
            return (1 - index,)
    return ()


def _sum_refusal(node: ir.Node, target: Target) -> str | None:
    if target.sums is Sums.SKIP and _is_sum(node) and not _skipping(node):
        return "neither operand comes from a layer whose kernel could do the addition"
    return None


def _attribute_values(node: ir.Node, name: str) -> list[str | int]:
    attribute = node.attributes.get(name)
    if attribute is None:
        return []
    if attribute.type is ir.AttributeType.STRING:
        return [attribute.as_string()]
    if attribute.type is ir.AttributeType.INTS:
        return list(attribute.as_ints())
    return [attribute.as_int()]


def _weight_refusal(node: ir.Node, rule: OpRule) -> str | None:
    if rule.kind not in (Kind.CONVOLUTION, Kind.PRODUCT):
        return None
    if operator_of(node).layer not in (Family.CONVOLUTION, Family.PRODUCT):
        return f"qconv has no integer weights for {node.op_type}"
    data, weight = node.inputs[0], node.inputs[1]
    bias = bias_of(node)
    if is_constant(data):
        return "its first input is the constant; weights are quantized only on the second"
    if not is_constant(weight):
        if operator_of(node).stacks:
            return "it multiplies two activations; only products with weights are quantized"
        return "its weight is computed at run time"
    if weight is not None and weight.dtype is not ir.DataType.FLOAT:
        found = weight.dtype.name.lower() if weight.dtype else "of an unknown type"
        return f"its weight is {found}, not float32"
    if bias is not None and not is_constant(bias):
        return "its bias is computed at run time"
    if rule.kind is Kind.PRODUCT and rank(weight) != 2:
        return f"its weight has {rank(weight)} axes; the integer kernel needs a matrix"
    if rule.kind is Kind.PRODUCT:
        return _factor_refusal(node) or _bias_refusal(node, bias)
    return None


def _table_refusal(node: ir.Node, target: Target) -> str | None:
    if target.rules[node.op_type].kind is not Kind.ARITHMETIC:
        return None
    for index in data_inputs(node, target):
        value = node.inputs[index]
        array = constant(value)
        if value is not None and array is not None and not (np.abs(array) < SENTINEL).all():
            return f"its constant '{name_of(value)}' holds NaN, Inf or a sentinel"
    return None


def _factor_refusal(node: ir.Node) -> str | None:
    for name, _ in operator_of(node).factors:
        factor = node.attributes.get_float(name, 1.0)
        if factor != 1.0:
            return f"its {name} is {factor:g}; the integer kernel needs 1"
    return None


def _bias_refusal(node: ir.Node, bias: ir.Value | None) -> str | None:
    array = constant(bias)
    shape = None if node.inputs[1] is None else node.inputs[1].shape
    if array is None or shape is None:
        return None
    columns = shape[output_axis(node)]
    if not (array.size == 1 or array.shape in ((columns,), (1, columns))):
        return (
            f"its bias has the shape {list(array.shape)}; the integer kernel needs one number per "
            "column"
        )
    return None
