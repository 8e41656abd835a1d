"""Questions about a graph. Nothing here changes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.errors import ModelError
from qconv.graph.operators.table import STANDARD_DOMAINS, operator_of

EQUALIZED = "/equalized"
"""What the name of a value ends with whose channels were divided by factors."""


def is_standard(node: ir.Node) -> bool:
    """Whether the operator belongs to the ONNX standard."""
    return node.domain in STANDARD_DOMAINS


def all_nodes(model: ir.Model) -> Iterator[ir.Node]:
    """Every node of the main graph, of its subgraphs, and of the model's functions."""
    yield from ir.traversal.RecursiveGraphIterator(model.graph)
    for function in model.functions.values():
        yield from ir.traversal.RecursiveGraphIterator(function.graph)


def bodies(node: ir.Node) -> Iterator[ir.Graph]:
    """The subgraphs that a node holds, as If, Loop and Scan do."""
    for attribute in node.attributes.values():
        if attribute.type is ir.AttributeType.GRAPH:
            yield attribute.as_graph()


def observable_graphs(model: ir.Model, without: Container[ir.Graph] = ()) -> list[ir.Graph]:
    """The main graph and the branches of If nodes in it, nested ones included.

    What a branch computes can be observed from outside; what the body of a Loop or Scan computes
    changes from turn to turn. ``without`` leaves out branches, and what is nested in them.
    """
    found = [model.graph]
    for graph in found:
        found += [
            body
            for node in graph
            if operator_of(node).chooses
            for body in bodies(node)
            if body not in without
        ]
    return found


def op_counts(model: ir.Model) -> Counter[str]:
    """How often each operator occurs, subgraphs included."""
    return Counter(node.op_type for node in all_nodes(model))


def quantization_ops(model: ir.Model) -> Counter[str]:
    """The operators that only an already quantized model has, with their counts."""
    return Counter(node.op_type for node in all_nodes(model) if operator_of(node).is_quantized)


def constant(value: ir.Value | None) -> NDArray[np.generic] | None:
    """Return the array of an initializer, or None for a value computed at run time.

    External data are copied, and their file is closed: a thousand open files are too many.
    """
    if value is None or value.const_value is None:
        return None
    array: NDArray[np.generic] = value.const_value.numpy()
    if isinstance(value.const_value, ir.ExternalTensor):
        array = array.copy()
        value.const_value.release()
    return array


def is_constant(value: ir.Value | None) -> bool:
    """Whether the value is an initializer (its array is not touched)."""
    return value is not None and value.const_value is not None


def name_of(value: ir.Value) -> str:
    """Return the value's name; a prepared model has no nameless values.

    Raises:
        ModelError: the value has no name.
    """
    if not value.name:
        raise ModelError("the model has a value without a name")
    return value.name


def rank(value: ir.Value | None) -> int | None:
    """Return the number of axes, or None where shape inference could not tell."""
    return None if value is None or value.shape is None else len(value.shape)


def static_shape(value: ir.Value | None) -> tuple[int | None, ...] | None:
    """Return the shape with None for each dynamic axis, or None where even the rank is unknown."""
    if value is None or value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


def is_empty(value: ir.Value | None) -> bool:
    """Whether a value is known to hold no element at all."""
    return 0 in (static_shape(value) or ())


def is_map(value: ir.Value | None) -> bool:
    """Whether a value is taken for feature maps ``[N, C, D1, D2, ...]``, of so many channels."""
    shape = static_shape(value)
    return shape is not None and len(shape) >= 4 and shape[1] is not None


def only_consumer(value: ir.Value) -> ir.Node | None:
    """Return the one node that reads the value once, in its own graph, and nothing else does."""
    uses = value.uses()
    if len(uses) != 1 or value.is_graph_output():
        return None
    (usage,) = uses
    producer = value.producer()
    if producer is not None and usage.node.graph is not producer.graph:
        return None
    return usage.node


def int_attribute(node: ir.Node, name: str, default: int) -> int:
    """Return an integer attribute, or ``default`` where the node leaves it out."""
    return node.attributes.get_int(name, default)


def ints_attribute(node: ir.Node, name: str) -> tuple[int, ...] | None:
    """Return a list-of-integers attribute, or None where the node leaves it out."""
    attribute = node.attributes.get(name)
    return None if attribute is None else tuple(attribute.as_ints())


def clip_bounds(node: ir.Node) -> tuple[float, float] | None:
    """Return the bounds of a Relu or Clip, or None where they are not constant numbers."""
    fixed = operator_of(node).bounds
    if fixed is not None:
        return fixed
    bounds = []
    for index, missing in ((1, -float("inf")), (2, float("inf"))):
        value = node.inputs[index] if len(node.inputs) > index else None
        if value is None:
            bounds.append(missing)
            continue
        array = constant(value)
        if array is None or array.size != 1:
            return None
        bounds.append(float(array.item()))
    return bounds[0], bounds[1]
