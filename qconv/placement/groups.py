"""Find values whose channels may be scaled together without changing what a model computes.

Layers with weights give such values and read them; between stand operators that work on each
channel alone and for which ``f(x / s) = f(x) / s`` holds for every ``s`` above zero. Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721,
section 4.1, for layers in pairs; here all values of a residual stream are one group.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from qconv.graph.layers import bias_of, is_turned
from qconv.graph.operators.facts import Family, Homogeneous
from qconv.graph.operators.table import operator_of
from qconv.graph.view import (
    clip_bounds,
    constant,
    is_constant,
    is_empty,
    is_standard,
    name_of,
    rank,
    static_shape,
)
from qconv.placement.plan import GroupReader, Plan, ScaleGroup

_LAYERS = (Family.CONVOLUTION, Family.PRODUCT)
_FREE_BOUNDS = (-float("inf"), 0.0, float("inf"))


def with_groups(model: ir.Model, plan: Plan) -> Plan:
    """Add the groups of a model to its plan, and where to look at the ranges of channels."""
    groups = find_groups(model)
    values = {
        name: replace(value, ranges_axis=-1) if value.channel_axis == -1 else value
        for name, value in plan.values.items()
    }
    for group in groups:
        for name, axis in group.values.items():
            value = values.get(name)
            if value is not None and value.params_from == name and value.ranges_axis is None:
                values[name] = replace(value, ranges_axis=axis)
    return replace(plan, values=values, groups=groups)


def find_groups(model: ir.Model) -> tuple[ScaleGroup, ...]:
    """Return the groups of the main graph, in graph order.

    A group is left out if one of its values is an output of the model, comes from elsewhere or is
    read by another operator or by a body of control flow, or if a constant serves others, too.
    """
    return _Search(model.graph).groups()


class _Search:
    """Values that can be scaled so far, each with the axis of its channels and its group."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.axes: dict[ir.Value, int] = {}
        self.roots: dict[ir.Value, ir.Value] = {}
        self.upstream: dict[ir.Value, frozenset[str]] = {}
        self.linked: dict[ir.Node, tuple[int, ...]] = {}
        for node in graph:
            if is_standard(node) and node.outputs and node.inputs:
                self._enter(node)

    def groups(self) -> tuple[ScaleGroup, ...]:
        members: dict[ir.Value, list[ir.Value]] = {}
        for value in self.axes:
            members.setdefault(self._root(value), []).append(value)
        found = (self._group(values) for values in members.values())
        return tuple(group for group in found if group is not None)

    def _enter(self, node: ir.Node) -> None:
        output = node.outputs[0]
        if _writes(node):
            last = (rank(output) or 1) - 1
            axis = last if operator_of(node).channels == -1 else operator_of(node).channels
            if _channels(output, axis) is not None:
                self.axes[output] = axis
                self.roots[output] = output
                self.upstream[output] = frozenset({name_of(output)})
            return
        indices = _members(node)
        inputs = [value for i in indices if (value := node.inputs[i]) is not None]
        if not inputs or not all(value in self.axes for value in inputs):
            return
        axis = self.axes[inputs[0]]
        if not all(_keeps(node, value, self.axes[value], axis) for value in inputs):
            return
        self.axes[output] = axis
        self.linked[node] = indices
        self.roots[output] = self._root(inputs[0])
        for value in inputs[1:]:
            self.roots[self._root(value)] = self._root(output)
        before = (self.upstream[value] for value in inputs)
        self.upstream[output] = frozenset({name_of(output)}).union(*before)

    def _root(self, value: ir.Value) -> ir.Value:
        while self.roots[value] is not value:
            value = self.roots[value]
        return value

    def _group(self, values: list[ir.Value]) -> ScaleGroup | None:
        readers: list[GroupReader] = []
        for value in values:
            if value.is_graph_output():
                return None
            for usage in value.uses():
                node = usage.node
                if usage.idx in self.linked.get(node, ()):
                    continue
                if usage.idx != 0 or not self._reads(node, value):
                    return None
                readers.append(GroupReader(str(node.name), self.upstream[value]))
        producers = [giver for value in values if (giver := value.producer()) is not None]
        if not readers:
            return None
        return ScaleGroup(
            channels=_channels(values[0], self.axes[values[0]]) or 0,
            values={name_of(value): self.axes[value] for value in values},
            writers=tuple(str(node.name) for node in producers if node not in self.linked),
            sums=tuple(
                str(node.name)
                for node in producers
                if node.op_type == "Add" and len(self.linked.get(node, (0, 1))) == 1
            ),
            readers=tuple(readers),
        )

    def _reads(self, node: ir.Node, value: ir.Value) -> bool:
        """Whether the node is a layer whose weight can take factors of the value's channels in."""
        operator = operator_of(node)
        if node.graph is not self.graph or operator.layer not in _LAYERS or len(node.inputs) < 2:
            return False
        if not _is_own(node.inputs[1]):
            return False
        last = self.axes[value] == (rank(value) or 0) - 1
        if operator.layer is Family.CONVOLUTION:
            return self.axes[value] == 1 and (rank(value) or 0) >= 3
        return last and not is_turned(node, 0) and (not operator.stacks or _is_matrix(node))


def _writes(node: ir.Node) -> bool:
    """Whether the node is a layer whose constants can take a division of its outputs in."""
    operator = operator_of(node)
    if operator.layer not in _LAYERS or not _is_own(node.inputs[1]):
        return False
    if operator.stacks and not (_is_matrix(node) and (rank(node.inputs[0]) or 0) >= 2):
        return False
    bias = bias_of(node)
    shape = static_shape(bias)
    return bias is None or (_is_own(bias) and shape is not None and set(shape[:-1]) <= {1})


def _is_matrix(product: ir.Node) -> bool:
    return rank(product.inputs[1]) == 2


def _members(node: ir.Node) -> tuple[int, ...]:
    """Return the inputs that are scaled as the output is; none where the node is no link."""
    if node.op_type == "Add":
        tables = [index for index in (0, 1) if is_constant(node.inputs[index])]
        if not tables:
            return (0, 1)
        return (1 - tables[0],) if len(tables) == 1 and _is_own(node.inputs[tables[0]]) else ()
    operator = operator_of(node)
    if operator.homogeneous is None:
        return ()
    if operator.clamps and not set(clip_bounds(node) or (1.0,)) <= set(_FREE_BOUNDS):
        return ()
    return () if node.op_type == "Pad" and not _pads_space(node) else (0,)


def _keeps(node: ir.Node, value: ir.Value, own: int, axis: int) -> bool:
    """Whether the channels of an input, along ``own``, are those of the output along ``axis``."""
    output = node.outputs[0]
    channels, before, after = _channels(output, axis), rank(value), rank(output)
    if own != axis or channels is None or _channels(value, own) != channels:
        return False
    homogeneous = operator_of(node).homogeneous
    if homogeneous is Homogeneous.ROWS:
        shape = static_shape(value) or ()
        return axis == 1 and after == 2 and set(shape[2:]) <= {1}
    if homogeneous is Homogeneous.MAPS and not (axis == 1 and (before or 0) >= 3):
        return False
    if node.op_type == "Add":
        shapes = [static_shape(each) or () for each in node.inputs if is_constant(each)]
        if any(len(s) < (after or 0) - axis or s[axis - (after or 0)] != channels for s in shapes):
            return False
    return before == after


def _pads_space(pad: ir.Node) -> bool:
    """Whether a Pad leaves the channels of a map alone, and adds nothing but zeros or copies."""
    _, pads, number, axes = (*pad.inputs, None, None, None)[:4]
    lengths, count = constant(pads), rank(pad.inputs[0]) or 0
    if lengths is None or axes is not None or count < 2 or lengths.size != 2 * count:
        return False
    if lengths.reshape(2, count)[:, 1].any():
        return False
    padding = constant(number)
    zeros = number is None or (padding is not None and not padding.any())
    return zeros or pad.attributes.get_string("mode", "constant") != "constant"


def _channels(value: ir.Value | None, axis: int) -> int | None:
    shape = static_shape(value)
    if value is None or value.dtype is not ir.DataType.FLOAT or shape is None or len(shape) <= axis:
        return None
    return shape[axis]


def _is_own(value: ir.Value | None) -> bool:
    """Whether a constant of the main graph, with numbers in it, serves one operator alone."""
    return (
        value is not None
        and is_constant(value)
        and not is_empty(value)
        and len(value.uses()) == 1
        and not value.is_graph_output()
        and value.dtype is ir.DataType.FLOAT
    )
