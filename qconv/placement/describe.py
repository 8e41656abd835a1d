"""Say how each value and each weight of chosen operators is quantized."""

from __future__ import annotations

from collections.abc import Container, Mapping

import onnx_ir as ir

from qconv.graph.layers import bias_of, output_axis
from qconv.graph.operators.table import operator_of
from qconv.graph.view import clip_bounds, is_constant, is_map, name_of, rank
from qconv.numerics.schemes import PerAxis
from qconv.placement.candidate import Candidate
from qconv.placement.demands import Demands
from qconv.placement.plan import LayerPlan, ValuePlan
from qconv.placement.rules import adder_of, weight_scheme
from qconv.placement.targets.table import Kind, Target

UNBOUNDED = (-float("inf"), float("inf"))


class Description:
    """The values, layers and inputs of a Plan, by name.

    Args:
        target: what the operators were chosen for.
        demands: what was asked for.
        chosen: the operators, in graph order.
        emitting: those of them whose results are quantized behind them.
    """

    def __init__(
        self,
        target: Target,
        demands: Demands,
        chosen: Mapping[ir.Node, Candidate],
        emitting: Container[ir.Node],
    ) -> None:
        self.values: dict[str, ValuePlan] = {}
        self.layers: dict[str, LayerPlan] = {}
        self.inputs: dict[str, tuple[int, ...]] = {}
        self._target = target
        self._demands = demands
        self._chosen = chosen
        self._axes = _channel_axes(chosen)
        for node, candidate in chosen.items():
            emits = node in emitting
            self.inputs[str(node.name)] = candidate.data
            for index in candidate.data:
                value = node.inputs[index]
                if value is not None and name_of(value) not in self.values:
                    self.values[name_of(value)] = self._value(value)
            for value in candidate.results if emits else ():
                self.values[name_of(value)] = self._emitted(value, candidate)
            if candidate.layered:
                self.layers[str(node.name)] = self._layer(candidate, emits=emits)

    def _emitted(self, value: ir.Value, candidate: Candidate) -> ValuePlan:
        first = candidate.node.inputs[0]
        source = None
        if candidate.kind is Kind.MOVEMENT and first is not None:
            source = self.values[name_of(first)]
        return self._value(value, emitted=True, clamp=candidate.clamp, source=source)

    def _value(
        self,
        value: ir.Value,
        *,
        emitted: bool = False,
        clamp: ir.Node | None = None,
        source: ValuePlan | None = None,
    ) -> ValuePlan:
        name = name_of(value)
        bounds = (clip_bounds(clamp) if clamp is not None else None) or UNBOUNDED
        axis = self._axes.get(value)
        usual = self._target.activations[self._demands.activations or self._target.activation]
        owner = name if source is None else source.params_from
        return ValuePlan(
            name=name,
            scheme=self._demands.value_schemes.get(owner, usual),
            params_from=owner,
            bounds=bounds if source is None else source.bounds,
            channel_axis=axis,
            maps=is_map(value) if axis is None else axis == 1 and (rank(value) or 0) >= 3,
            emitted=emitted,
            constant=is_constant(value),
        )

    def _layer(self, candidate: Candidate, *, emits: bool) -> LayerPlan:
        node = candidate.node
        data, weight = node.inputs[0], node.inputs[1]
        if data is None or weight is None:
            raise ValueError(f"{node.name}: a layer needs data and a weight")
        bias, bias_node = self._bias(node)
        return LayerPlan(
            node=str(node.name),
            op_type=node.op_type,
            input=name_of(data),
            weight=name_of(weight),
            bias=None if bias is None else name_of(bias),
            bias_node=None if bias_node is None else str(bias_node.name),
            weight_scheme=weight_scheme(node, self._target, self._demands),
            per_channel=PerAxis(output_axis(node)),
            output=name_of(candidate.results[0]) if emits else None,
        )

    def _bias(self, node: ir.Node) -> tuple[ir.Value | None, ir.Node | None]:
        """Return the bias of a layer and the node that adds it."""
        if operator_of(node).bias is not None:
            return bias_of(node), node
        add = adder_of(node)
        if add is None or add in self._chosen:
            return None, None
        return next(value for value in add.inputs if is_constant(value)), add


def _channel_axes(chosen: Mapping[ir.Node, Candidate]) -> dict[ir.Value, int]:
    """Return the axis over which layers sum; where they differ, that of the convolutions."""
    axes: dict[ir.Value, int] = {}
    for node, candidate in chosen.items():
        value = node.inputs[0]
        if candidate.layered and value is not None:
            convolution = candidate.kind is Kind.CONVOLUTION or axes.get(value) == 1
            axes[value] = 1 if convolution else -1
    return axes
