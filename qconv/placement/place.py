"""Decide what runs in integers: graph + target table -> Plan.

An operator is quantized where the runtime can read all its data as integers: from operators
that give integers anyway, or from values that a layer with weights needs quantized. Then the
integer regions are as large as they can be, and no value is quantized for a cheap operator
alone, but for the small factor of a large map (squeeze-and-excitation). Whether the result of
an operator is quantized behind it, in any case, for a reader or never, its row in the table says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from qconv.graph.float_work import works_on_floats
from qconv.graph.view import (
    all_nodes,
    constant,
    is_constant,
    observable_graphs,
    only_consumer,
)
from qconv.placement.candidate import Candidate
from qconv.placement.demands import Demands
from qconv.placement.describe import Description
from qconv.placement.dynamic_layers import with_dynamic
from qconv.placement.groups import with_groups
from qconv.placement.plan import KEPT, NodePlan, Plan
from qconv.placement.rules import added_layer, data_inputs, refusal
from qconv.placement.targets.table import Kind, Output, Target

_NONE = Demands()
_UNREAD = "nothing after it runs in integers, so it would only cost time"


def place(model: ir.Model, target: Target, demands: Demands = _NONE) -> Plan:
    """Return the Plan for a prepared model. It may hold no quantized node at all.

    Branches of If nodes are placed as the main graph is, but for those that the data never took.
    Products there and in the bodies of Loop and Scan, each LSTM, and products that read or give a
    value that stays float since it is too fine have their inputs quantized at run time, where the
    target has kernels for that.
    """
    subgraphs = [model.graph, *model.graph.subgraphs()]
    graphs = observable_graphs(model, [subgraphs[number] for number in demands.unseen])
    nodes = [node for node in all_nodes(model) if node.graph in graphs]
    plan = _Placement(nodes, target, demands, model.graph.outputs).plan()
    return with_groups(model, with_dynamic(model, plan))


class _Placement:
    def __init__(
        self,
        nodes: Sequence[ir.Node],
        target: Target,
        demands: Demands,
        outputs: Sequence[ir.Value],
    ) -> None:
        self.nodes = nodes
        self.target = target
        self.demands = demands
        self.outputs = set(outputs) if target.quantized_outputs else set()
        self.adding: set[ir.Node] = set()
        self.too_fine: set[str] = set()
        self.reasons: dict[ir.Node, _Reason] = {}
        self.candidates: dict[ir.Node, Candidate] = {}
        self.merged: set[ir.Node] = set()
        self.clamps: set[ir.Node] = set()
        for node in nodes:
            kept = str(node.name) in demands.kept
            reason = KEPT if kept else refusal(node, target, demands)
            if reason is not None:
                self.reasons[node] = _Reason(reason)
            elif node not in self.merged:
                candidate = self._candidate(node)
                if (too_fine := candidate.too_fine(demands.lost)) is not None:
                    self.reasons[node] = _Reason(too_fine)
                    self.too_fine.add(str(node.name))
                else:
                    self.candidates[node] = candidate
        self.wanted = self._wanted_by_layers()
        self.chosen = self._choose()
        self.wanted |= {
            value
            for node, candidate in self.chosen.items()
            for index in candidate.data
            if (value := node.inputs[index]) is not None
        }

    def _candidate(self, node: ir.Node) -> Candidate:
        rule = self.target.rules[node.op_type]
        data = data_inputs(node, self.target)
        operands = [constant(node.inputs[i]) for i in data]
        table_operand = any(array is not None and array.size > 1 for array in operands)
        after = None if rule.kind in (Kind.MOVEMENT, Kind.CLAMP) else self._clamp_after(node)
        clamp = after
        if after is not None and refusal(after, self.target, self.demands) is not None:
            clamp = None
        if clamp is not None:
            self.merged.add(clamp)
        read = after is not None and bool(after.outputs[0].uses())
        return Candidate(
            node,
            rule.kind,
            data=tuple(i for i in data if node.inputs[i] is not None),
            needs_reader=rule.needs_reader or table_operand or rule.kind is Kind.CLAMP,
            clamp=node if rule.kind is Kind.CLAMP else clamp,
            output=Output.ALWAYS if rule.output is Output.READER and read else rule.output,
        )

    def _clamp_after(self, node: ir.Node) -> ir.Node | None:
        reader = only_consumer(node.outputs[0])
        rule = None if reader is None else self.target.rules.get(reader.op_type)
        return reader if rule is not None and rule.kind is Kind.CLAMP else None

    def _wanted_by_layers(self) -> set[ir.Value]:
        """The values that layers with weights read, and that are quantized in any case."""
        return {
            value
            for candidate in self.candidates.values()
            if candidate.layered and (value := candidate.node.inputs[0]) is not None
        }

    def _gives_integers(self, candidate: Candidate) -> bool:
        if candidate.node in self.adding:
            return False
        if candidate.output is Output.ALWAYS:
            return True
        wanted = self.outputs
        if candidate.output is Output.READER:
            wanted = self.wanted | self.outputs
        return any(value in wanted for value in candidate.results)

    def _choose(self) -> dict[ir.Node, Candidate]:
        """Return the largest consistent choice, in graph order.

        Forward: data must be there in integers. Backward: some cheap operators need a reader.
        What the backward pass drops is dropped for good, so the passes end.
        """
        dropped: set[ir.Node] = set()
        while True:
            chosen: dict[ir.Node, Candidate] = {}
            made: set[ir.Value] = set()
            sums = {n: added_layer(n, self.target) for n in self.candidates if n not in dropped}
            self.adding = {layer for layer in sums.values() if layer is not None}
            lone: set[ir.Node] = set()
            for node, candidate in self.candidates.items():
                if node in dropped:
                    continue
                if (layer := sums[node]) is not None and layer not in chosen:
                    self.reasons[node] = _Reason(
                        f"the {layer.op_type} whose kernel could do the addition is in float", layer
                    )
                    lone.add(node)
                    continue
                lack = None if candidate.layered else self._lack(candidate, made)
                if lack is not None:
                    self.reasons[node] = lack
                    continue
                chosen[node] = candidate
                if self._gives_integers(candidate):
                    made.update(candidate.results)
            if lone:
                dropped |= lone
                continue
            unread = self._unread(chosen, made)
            if not unread:
                return chosen
            for node in unread:
                self.reasons[node] = _Reason(_UNREAD)
            dropped |= unread

    def _lack(self, candidate: Candidate, made: set[ir.Value]) -> _Reason | None:
        """Return why an operator has no data in integers, None where it has some."""
        values = [value for i in candidate.data if (value := candidate.node.inputs[i]) is not None]
        body = candidate.node.graph
        if any(value.graph is not body and not is_constant(value) for value in values):
            return _Reason("it reads a value from outside of its body, which is in float there")
        if all(map(is_constant, values)):
            return _Reason("its data is a constant table")
        if any(value in made for value in values):
            return None
        clamp = candidate.kind is Kind.CLAMP
        for value in values:
            if is_constant(value) or (value in self.wanted and not clamp):
                continue
            return _Reason.of_source(value.producer())
        return None

    def _unread(self, chosen: dict[ir.Node, Candidate], made: set[ir.Value]) -> set[ir.Node]:
        """Return the nodes that pay only with a reader in integers, and have none."""
        unread: set[ir.Node] = set()
        for node in reversed(chosen):
            candidate = chosen[node]
            operands = [node.inputs[i] for i in candidate.data]
            needy = candidate.needs_reader or not all(
                value in made or value in self.wanted or is_constant(value) for value in operands
            )
            given_out = not self.outputs.isdisjoint(candidate.results)
            if (
                needy
                and not given_out
                and not any(
                    usage.node in chosen
                    and usage.node not in unread
                    and usage.idx in chosen[usage.node].data
                    for value in candidate.results
                    for usage in value.uses()
                )
            ):
                unread.add(node)
        return unread

    def plan(self) -> Plan:
        """Write the choice down."""
        emitting = {node: c for node, c in self.chosen.items() if self._gives_integers(c)}
        self.clamps = {c.clamp for c in emitting.values() if c.clamp is not None}
        described = Description(self.target, self.demands, self.chosen, emitting.keys())
        return Plan(
            self._node_plans(),
            self.target,
            described.values,
            described.layers,
            described.inputs,
            too_fine=frozenset(self.too_fine),
            demands=self.demands,
        )

    def _node_plans(self) -> dict[str, NodePlan]:
        plans = {}
        for node in filter(works_on_floats, self.nodes):
            quantized = node in self.chosen or node in self.clamps
            reason = "" if quantized else self._reason(node).text
            behind = "" if quantized else self._root(node)
            plans[str(node.name)] = NodePlan(
                str(node.name), node.op_type, quantized, reason, behind
            )
        return plans

    def _reason(self, node: ir.Node) -> _Reason:
        """Return why an operator is in float; a Relu or Clip may be so since its producer is."""
        data = node.inputs[0] if node.inputs else None
        return self.reasons.get(node) or _Reason.of_source(data.producer() if data else None)

    def _root(self, node: ir.Node) -> str:
        """Return the operator in float that this one is in float for, or nothing if it is none."""
        root = node
        while (source := self._reason(root).source) is not None and source not in self.chosen:
            root = source
        return "" if root is node else str(root.name)


@dataclass(frozen=True)
class _Reason:
    """Why an operator is in float, and the one before it whose result is, if that is why."""

    text: str
    source: ir.Node | None = None

    @classmethod
    def of_source(cls, source: ir.Node | None) -> _Reason:
        if source is None:
            return cls("it reads an input of the model, which is in float")
        return cls(f"it reads the output of {source.op_type}, which is in float", source)
