"""Decide what runs in integers: graph + target table -> Plan.

An operator is quantized where the runtime can read all its data as integers: from operators
that give integers anyway, or from values that a layer with weights needs quantized. Then the
integer regions are as large as they can be, and no value is quantized for a cheap operator
alone, but for the small factor of a large map (squeeze-and-excitation). Convolutions always
give integers, since their kernel has no float output; products with weights do only where a
reader wants them.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import onnx_ir as ir

from qconv.graph.layers import bias_of
from qconv.graph.operators.table import operator_of
from qconv.graph.view import (
    all_nodes,
    clip_bounds,
    constant,
    is_constant,
    is_map,
    name_of,
    observable_graphs,
    only_consumer,
    rank,
)
from qconv.placement.candidate import Candidate
from qconv.placement.dynamic_layers import with_dynamic
from qconv.placement.groups import with_groups
from qconv.placement.plan import KEPT, LayerPlan, NodePlan, Plan, ValuePlan
from qconv.placement.rules import adder_of, data_inputs, refusal, weight_scheme
from qconv.placement.targets import Kind, Target

Lost = Mapping[str, float]
_UNBOUNDED = (-float("inf"), float("inf"))


def place(
    model: ir.Model,
    target: Target,
    unseen: Container[ir.Graph] = (),
    lost: Lost | None = None,
    kept: Container[str] = (),
) -> Plan:
    """Return the Plan for a prepared model. It may hold no quantized node at all.

    Branches of If nodes are placed as the main graph is, but for those ``unseen`` by the data.
    Products there and in the bodies of Loop and Scan, each LSTM, and products that read or give a
    value of ``lost`` have their inputs quantized at run time. ``lost`` names values that stay
    float, each with the share of its numbers that would round to zero, ``kept`` operators that
    stay float because the user wants it.
    """
    graphs = observable_graphs(model, unseen)
    nodes = [node for node in all_nodes(model) if node.graph in graphs]
    plan = _Placement(nodes, target, lost or {}, kept).plan()
    return with_groups(model, with_dynamic(model, plan, kept))


class _Placement:
    def __init__(
        self, nodes: Sequence[ir.Node], target: Target, lost: Lost, kept: Container[str]
    ) -> None:
        self.nodes = nodes
        self.target = target
        self.lost = lost
        self.too_fine: set[str] = set()
        self.reasons: dict[ir.Node, str] = {}
        self.candidates: dict[ir.Node, Candidate] = {}
        self.merged: set[ir.Node] = set()
        self.clamps: set[ir.Node] = set()
        for node in nodes:
            reason = KEPT if str(node.name) in kept else refusal(node, target)
            if reason is not None:
                self.reasons[node] = reason
            elif node not in self.merged:
                candidate = self._candidate(node)
                if (too_fine := candidate.too_fine(self.lost)) is not None:
                    self.reasons[node] = too_fine
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
        operands = [constant(node.inputs[i]) for i in data_inputs(node, rule)]
        table_operand = any(array is not None and array.size > 1 for array in operands)
        after = None if rule.kind in (Kind.MOVEMENT, Kind.CLAMP) else self._clamp_after(node)
        clamp = after if after is not None and refusal(after, self.target) is None else None
        if clamp is not None:
            self.merged.add(clamp)
        return Candidate(
            node,
            rule.kind,
            data=tuple(i for i in data_inputs(node, rule) if node.inputs[i] is not None),
            needs_reader=rule.needs_reader or table_operand or rule.kind is Kind.CLAMP,
            clamp=node if rule.kind is Kind.CLAMP else clamp,
            always=rule.kind is not Kind.PRODUCT
            or (after is not None and bool(after.outputs[0].uses())),
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
        return candidate.always or any(value in self.wanted for value in candidate.results)

    def _choose(self) -> dict[ir.Node, Candidate]:
        """Return the largest consistent choice, in graph order.

        Forward: data must be there in integers. Backward: some cheap operators need a reader.
        What the backward pass drops is dropped for good, so the passes end.
        """
        dropped: set[ir.Node] = set()
        while True:
            chosen: dict[ir.Node, Candidate] = {}
            made: set[ir.Value] = set()
            for node, candidate in self.candidates.items():
                if node in dropped:
                    continue
                missing = None if candidate.layered else self._missing_data(candidate, made)
                if missing is not None:
                    self.reasons[node] = missing
                    continue
                chosen[node] = candidate
                if self._gives_integers(candidate):
                    made.update(candidate.results)
            unread = self._unread(chosen, made)
            if not unread:
                return chosen
            for node in unread:
                self.reasons[node] = "nothing after it runs in integers, so it would only cost time"
            dropped |= unread

    def _missing_data(self, candidate: Candidate, made: set[ir.Value]) -> str | None:
        values = [value for i in candidate.data if (value := candidate.node.inputs[i]) is not None]
        body = candidate.node.graph
        if any(value.graph is not body and not is_constant(value) for value in values):
            return "it reads a value from outside of its body, which is in float there"
        if all(map(is_constant, values)):
            return "its data is a constant table"
        if any(value in made for value in values):
            return None
        clamp = candidate.kind is Kind.CLAMP
        for value in values:
            if is_constant(value) or (value in self.wanted and not clamp):
                continue
            return _in_float(value.producer())
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
            if needy and not any(
                usage.node in chosen
                and usage.node not in unread
                and usage.idx in chosen[usage.node].data
                for value in candidate.results
                for usage in value.uses()
            ):
                unread.add(node)
        return unread

    def plan(self) -> Plan:
        """Write the choice down."""
        values: dict[str, ValuePlan] = {}
        layers: dict[str, LayerPlan] = {}
        inputs: dict[str, tuple[int, ...]] = {}
        axes = self._channel_axes()
        for node, candidate in self.chosen.items():
            inputs[str(node.name)] = candidate.data
            for index in candidate.data:
                value = node.inputs[index]
                if value is not None and name_of(value) not in values:
                    values[name_of(value)] = self._value_plan(value, axes, emitted=False)
            if self._gives_integers(candidate):
                if candidate.clamp is not None:
                    self.clamps.add(candidate.clamp)
                for value in candidate.results:
                    source = None
                    if candidate.kind is Kind.MOVEMENT and node.inputs[0] is not None:
                        source = values[name_of(node.inputs[0])]
                    values[name_of(value)] = self._value_plan(
                        value, axes, emitted=True, clamp=candidate.clamp, source=source
                    )
            if candidate.layered:
                layers[str(node.name)] = self._layer_plan(candidate)
        return Plan(
            self._node_plans(),
            self.target.name,
            values,
            layers,
            inputs,
            too_fine=frozenset(self.too_fine),
        )

    def _channel_axes(self) -> dict[ir.Value, int]:
        """Return the axis over which layers sum; where they differ, that of the convolutions."""
        axes: dict[ir.Value, int] = {}
        for node, candidate in self.chosen.items():
            value = node.inputs[0]
            if candidate.layered and value is not None:
                convolution = candidate.kind is Kind.CONVOLUTION or axes.get(value) == 1
                axes[value] = 1 if convolution else -1
        return axes

    def _value_plan(
        self,
        value: ir.Value,
        axes: dict[ir.Value, int],
        *,
        emitted: bool,
        clamp: ir.Node | None = None,
        source: ValuePlan | None = None,
    ) -> ValuePlan:
        name = name_of(value)
        bounds = (clip_bounds(clamp) if clamp is not None else None) or _UNBOUNDED
        axis = axes.get(value)
        return ValuePlan(
            name=name,
            scheme=self.target.activation,
            params_from=name if source is None else source.params_from,
            bounds=bounds if source is None else source.bounds,
            channel_axis=axis,
            maps=is_map(value) if axis is None else axis == 1 and (rank(value) or 0) >= 3,
            emitted=emitted,
            constant=is_constant(value),
        )

    def _layer_plan(self, candidate: Candidate) -> LayerPlan:
        node = candidate.node
        data, weight = node.inputs[0], node.inputs[1]
        if data is None or weight is None:
            raise ValueError(f"{node.name}: a layer needs data and a weight")
        bias, bias_node = self._bias(node)
        emits = self._gives_integers(candidate)
        return LayerPlan(
            node=str(node.name),
            op_type=node.op_type,
            input=name_of(data),
            weight=name_of(weight),
            bias=None if bias is None else name_of(bias),
            bias_node=None if bias_node is None else str(bias_node.name),
            weight_scheme=weight_scheme(node, self.target),
            output=name_of(candidate.results[0]) if emits else None,
        )

    def _bias(self, node: ir.Node) -> tuple[ir.Value | None, ir.Node | None]:
        """Return the bias of a layer and the node that adds it."""
        if operator_of(node).bias is not None:
            return bias_of(node), node
        add = adder_of(node)
        if add is None or add in self.chosen:
            return None, None
        return next(value for value in add.inputs if is_constant(value)), add

    def _node_plans(self) -> dict[str, NodePlan]:
        plans = {}
        for node in self.nodes:
            quantized = node in self.chosen or node in self.clamps
            reason = "" if quantized else self.reasons.get(node) or self._clamp_reason(node)
            plans[str(node.name)] = NodePlan(str(node.name), node.op_type, quantized, reason)
        return plans

    def _clamp_reason(self, node: ir.Node) -> str:
        """Say why a Relu or Clip is in float that would have disappeared into its producer."""
        value = node.inputs[0]
        return _in_float(value.producer() if value is not None else None)


def _in_float(producer: ir.Node | None) -> str:
    if producer is None:
        return "it reads an input of the model, which is in float"
    return f"it reads the output of {producer.op_type}, which is in float"
