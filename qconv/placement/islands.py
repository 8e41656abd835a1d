"""Operators that would cost more Casts than they are worth, between others that stay in float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import onnx_ir as ir

from qconv.graph.operators.table import operator_of
from qconv.graph.slots import takes_any
from qconv.graph.view import all_nodes, bodies, is_constant, is_standard
from qconv.placement.plan import NodePlan

_REASON = "it would cost Casts between operators that stay in float32"


def save_casts(
    model: ir.Model, nodes: Mapping[str, NodePlan], *, keep_ports: bool
) -> dict[str, NodePlan]:
    """Return the plan with more cheap operators kept in float32, where that takes fewer Casts.

    First single operators, while that lowers the number of Casts; then islands: connected cheap
    operators in the new type with nothing but float32 around them, if they are no more than the
    Casts around them. Inputs and outputs of the model count as float32 if they keep their type.
    """
    plan = _Plan(model, nodes, keep_ports)
    waiting = [node for node in all_nodes(model) if plan.may_stay(node)]
    while waiting:
        node = waiting.pop()
        if plan.may_stay(node) and plan.gain(node) > 0:
            plan.keep(node)
            neighbours = {neighbour for _, neighbour in plan.neighbours(node)}
            waiting += [other for other in neighbours if other is not None]
    for island in list(_islands(plan)):
        if not island.blocked and island.touches_kept and len(island.nodes) <= len(island.border):
            for node in island.nodes:
                plan.keep(node)
    return plan.nodes


@dataclass
class _Island:
    """Connected nodes; ``border`` holds the float values that cross its edge."""

    nodes: list[ir.Node] = field(default_factory=list)
    border: set[ir.Value] = field(default_factory=set)
    touches_kept: bool = False
    blocked: bool = False


class _Plan:
    def __init__(self, model: ir.Model, nodes: Mapping[str, NodePlan], keep_ports: bool) -> None:
        self.model = model
        self.nodes = dict(nodes)
        self.keep_ports = keep_ports
        self.owners = {graph: node for node in all_nodes(model) for graph in bodies(node)}

    def converts(self, node: ir.Node | None) -> bool:
        """Whether a node computes in the new type; None stands for the outside of the model."""
        if node is None:
            return not self.keep_ports
        entry = self.nodes.get(str(node.name))
        return entry is None or entry.quantized

    def may_stay(self, node: ir.Node) -> bool:
        operator = operator_of(node)
        cheap = operator.layer is None and operator.control is None and is_standard(node)
        return cheap and str(node.name) in self.nodes and self.converts(node)

    def keep(self, node: ir.Node) -> None:
        name = str(node.name)
        self.nodes[name] = replace(self.nodes[name], quantized=False, reason=_REASON)

    def gain(self, node: ir.Node) -> int:
        """How many Casts fewer there would be if the node stayed in float32."""
        return sum(
            self._casts(value, None) - self._casts(value, node)
            for value in {value for value, _ in self.neighbours(node)}
        )

    def neighbours(self, node: ir.Node) -> Iterator[tuple[ir.Value, ir.Node | None]]:
        """Each float value that the node shares, and with whom; None stands for the outside.

        What enters or leaves a body is shared with the node that holds the body.
        """
        for index, value in enumerate(node.inputs):
            if value is not None and _is_float(value) and not takes_any(node, index):
                yield value, self._source(value)
        for value in node.outputs:
            if _is_float(value):
                for reader in self._readers(value):
                    yield value, reader

    def _casts(self, value: ir.Value, kept: ir.Node | None) -> int:
        """One Cast serves all readers that want the other type than the value has."""
        source = self._source(value)
        has = self.converts(source) and (source is None or source is not kept)
        wants = {self.converts(r) and (r is None or r is not kept) for r in self._readers(value)}
        return int((not has) in wants)

    def _source(self, value: ir.Value) -> ir.Node | None:
        return value.producer() or self._owner(value.graph)

    def _readers(self, value: ir.Value) -> Iterator[ir.Node | None]:
        for usage in value.uses():
            if not takes_any(usage.node, usage.idx):
                yield usage.node
        if value.is_graph_output():
            yield self._owner(value.graph)

    def _owner(self, graph: ir.Graph | ir.Function | None) -> ir.Node | None:
        return self.owners.get(graph) if isinstance(graph, ir.Graph) else None


def _islands(plan: _Plan) -> Iterator[_Island]:
    seen: set[ir.Node] = set()
    for start in all_nodes(plan.model):
        if start in seen or not plan.converts(start):
            continue
        island, waiting = _Island(), [start]
        seen.add(start)
        while waiting:
            node = waiting.pop()
            island.nodes.append(node)
            island.blocked |= not plan.may_stay(node)
            for value, neighbour in plan.neighbours(node):
                if not plan.converts(neighbour):
                    island.touches_kept |= neighbour is not None
                    island.border.add(value)
                elif neighbour is None:
                    island.blocked = True
                elif neighbour not in seen:
                    seen.add(neighbour)
                    waiting.append(neighbour)
        yield island


def _is_float(value: ir.Value) -> bool:
    return value.dtype is ir.DataType.FLOAT and not is_constant(value)
