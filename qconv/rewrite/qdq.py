"""Rewrite a prepared model with QuantizeLinear and DequantizeLinear, exactly as the Plan says.

The rewriter decides nothing. It keeps the shapes that ONNX Runtime fuses: one Q behind an
operator that gives integers, a DQ before each one that reads them, int8 weights and int32
biases behind DQs of their own, no Q/DQ between an operator and the Relu or Clip that its Q
makes redundant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor, insert_after
from qconv.graph.operators.table import RUNTIME_DOMAIN
from qconv.graph.view import all_nodes, constant, is_constant, name_of, rank, static_shape
from qconv.numerics.affine import quantize
from qconv.numerics.schemes import PerAxis, QParams
from qconv.numerics.stored import StoredWeight
from qconv.placement.plan import LayerPlan, Plan, ValuePlan
from qconv.placement.targets.table import Bias
from qconv.rewrite.ort.float_layers import keep_float_layers


@dataclass(frozen=True)
class QuantizedLayer:
    """What one layer computes with: its integer weight, and its bias in float32, ``[O]``."""

    weight: StoredWeight
    bias: NDArray[np.float32] | None


def rewrite_qdq(
    model: ir.Model,
    plan: Plan,
    params: Mapping[str, QParams],
    layers: Mapping[str, QuantizedLayer],
) -> None:
    """Insert Q/DQ pairs into ``model`` in place.

    Args:
        model: the prepared float model that the Plan was made for.
        plan: what to quantize.
        params: scale and zero point for each value that gives its own (``params_from``).
        layers: quantized weights by node name.
    """
    rewriter = QdqRewriter(model, plan, params)
    for name in plan.layers:
        rewriter.write(name, layers[name])


class QdqRewriter:
    """Rounds the values of a model, and then its layers, one after the other and again if need be.

    Args:
        model: the prepared float model that the Plan was made for; it changes in place.
        plan: what to quantize.
        params: scale and zero point for each value that gives its own (``params_from``).
    """

    def __init__(self, model: ir.Model, plan: Plan, params: Mapping[str, QParams]) -> None:
        self.graph = model.graph
        self.plan = plan
        self.params = params
        self.editor = Editor(model.graph)
        self.param_values: dict[str, tuple[ir.Value, ir.Value]] = {}
        self.weights: dict[tuple[ir.Graph, str], list[tuple[StoredWeight, ir.Value]]] = {}
        self.zero_points: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}

        self.nodes = {str(node.name): node for node in all_nodes(model)}
        values = {
            name: value
            for name, value in ir.convenience.create_value_mapping(self.graph).items()
            if name in self.plan.values
        }
        for name, value_plan in self.plan.values.items():
            self._quantize_value(values[name], value_plan)
        if plan.target.rounds_float_layers:
            integers = plan.layers.keys() | plan.dynamic.keys()
            keep_float_layers(self.nodes.values(), integers, self.editor)

    def _quantize_value(self, value: ir.Value, plan: ValuePlan) -> None:
        """Let readers read a rounded value; those in bodies get a Q and DQ of their own.

        The runtime fuses Q and DQ only with operators of the same graph.
        """
        home = value.graph or self.graph
        integers: dict[ir.Graph, list[tuple[ir.Node, int]]] = {}
        floats = []
        for node, index in list(value.uses()):
            reads = index in self.plan.inputs.get(str(node.name), ())
            if reads and isinstance(node.graph, ir.Graph):
                integers.setdefault(node.graph, []).append((node, index))
            elif plan.emitted:
                floats.append((node, index))
        if plan.constant:
            for graph, readers in integers.items():
                _redirect(readers, self._constant(value, plan, graph))
            return
        source = value
        if plan.emitted or home in integers:
            source = self._round_trip(value, plan, home)
            _redirect([*integers.pop(home, []), *floats], source)
        for graph, readers in integers.items():
            _redirect(readers, self._round_trip(source, plan, graph))

    def _round_trip(self, value: ir.Value, plan: ValuePlan, graph: ir.Graph) -> ir.Value:
        """Insert Q and DQ behind the value, or at the start of a body; return what the DQ gives."""
        name = plan.name
        scale, zero_point = self._param_values(plan)
        dtype = ir.DataType[plan.scheme.dtype.container]
        q = self.editor.node(
            "QuantizeLinear",
            [value, scale, zero_point],
            f"{name}/quantized",
            dtype=dtype,
            shape=value.shape,
        )
        dq = self.editor.node(
            "DequantizeLinear",
            [q.outputs[0], scale, zero_point],
            f"{name}/dequantized",
            dtype=ir.DataType.FLOAT,
            shape=value.shape,
        )
        self._set_domain(plan, q, dq)
        if graph is not value.graph and value.graph is not None:
            graph.insert_before(graph[0], [q, dq])
            return dq.outputs[0]
        insert_after(value, graph, q, dq)
        if plan.emitted and value.is_graph_output():
            self._take_over_output(value, dq.outputs[0])
        return dq.outputs[0]

    def _take_over_output(self, value: ir.Value, restored: ir.Value) -> None:
        name = name_of(value)
        value.name = self.editor.unique(f"{name}/float")
        restored.name = name
        outputs = (value.graph or self.graph).outputs
        for index in [i for i, output in enumerate(outputs) if output is value]:
            outputs[index] = restored

    def _constant(self, value: ir.Value, plan: ValuePlan, graph: ir.Graph) -> ir.Value:
        array = constant(value)
        if array is None:
            raise ValueError(f"{plan.name} is not a constant")
        quantized = quantize(array.astype(np.float32), self.params[plan.params_from])
        stored = self.editor.within(graph).initializer(f"{plan.name}/quantized", quantized)
        scale, zero_point = self._param_values(plan)
        dq = self.editor.node(
            "DequantizeLinear",
            [stored, scale, zero_point],
            f"{plan.name}/dequantized",
            dtype=ir.DataType.FLOAT,
            shape=value.shape,
        )
        self._set_domain(plan, dq)
        graph.insert_before(graph[0], dq)
        return dq.outputs[0]

    def _set_domain(self, plan: ValuePlan, *nodes: ir.Node) -> None:
        """Take the runtime's own operators where those of the opset lack 16 bits."""
        if self.graph.opset_imports.get("", 1) < plan.scheme.dtype.opset:
            self.graph.opset_imports.setdefault(RUNTIME_DOMAIN, 1)
            for node in nodes:
                node.domain = RUNTIME_DOMAIN

    def _param_values(self, plan: ValuePlan) -> tuple[ir.Value, ir.Value]:
        """Return the initializers of scale and zero point, shared by all values of a group."""
        key = plan.params_from
        if key not in self.param_values:
            params = self.params[key]
            self.param_values[key] = (
                self.editor.initializer(f"{key}/scale", params.scale),
                self._zero_point(params.zero_point),
            )
        return self.param_values[key]

    def _zero_point(self, array: NDArray[np.generic]) -> ir.Value:
        """Return an initializer that all equal zero points share.

        The runtime takes time that grows with the square of the number of initializers to load.
        """
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self.zero_points:
            size = "x".join(map(str, (array.flat[0], *array.shape)))
            name = f"zero_point/{array.dtype.name}/{size}"
            self.zero_points[key] = self.editor.initializer(name, array)
        return self.zero_points[key]

    def write(self, name: str, layer: QuantizedLayer) -> None:
        """Let a layer compute with a quantized weight and bias."""
        node, plan = self.nodes[name], self.plan.layers[name]
        node.replace_input_with(1, self._weight(plan, layer, node))
        if layer.bias is None:
            return
        if plan.bias_node != plan.node:
            self._replace_float_bias(node, plan, layer.bias)
            return
        node.resize_inputs(3)
        if self.plan.target.bias is Bias.FLOAT:
            node.replace_input_with(2, self.editor.initializer(f"{plan.node}/bias", layer.bias))
            return
        input_scale = self.params[self.plan.values[plan.input].params_from].scale
        scale = (layer.weight.row_scales * input_scale).astype(np.float32)
        limit = np.iinfo(np.int32).max
        steps = np.rint(layer.bias.astype(np.float64) / scale)
        attributes = {"axis": 0} if scale.ndim else {}
        stored = self.editor.initializer(
            f"{plan.node}/bias_quantized", np.clip(steps, -limit, limit).astype(np.int32)
        )
        scale_value = self.editor.initializer(f"{plan.node}/bias_scale", scale)
        dq = self.editor.node(
            "DequantizeLinear",
            [stored, scale_value],
            f"{plan.node}/bias_dequantized",
            dtype=ir.DataType.FLOAT,
            shape=ir.Shape(steps.shape),
            **attributes,
        )
        self._insert_before(node, dq)
        node.replace_input_with(2, dq.outputs[0])

    def _replace_float_bias(
        self, product: ir.Node, plan: LayerPlan, bias: NDArray[np.float32]
    ) -> None:
        """Write a bias that an Add adds to a float product.

        It gets two axes where the shapes are fixed: the runtime turns MatMul and an Add of one
        axis into a float Gemm then, before it looks at Q and DQ.
        """
        adder = self.nodes[str(plan.bias_node)]
        index = next(i for i, value in enumerate(adder.inputs) if is_constant(value))
        shape = static_shape(product.inputs[0])
        fixed = shape is None or None not in shape
        axes = max(rank(adder.inputs[index]) or 0, 2 if fixed else 1)
        table = bias.reshape((1,) * (axes - 1) + bias.shape)
        stored = self.editor.initializer(f"{plan.bias}/corrected", table)
        adder.replace_input_with(index, stored)

    def _weight(self, plan: LayerPlan, layer: QuantizedLayer, node: ir.Node) -> ir.Value:
        granularity = plan.weight_scheme.granularity
        attributes = {"axis": granularity.axis} if isinstance(granularity, PerAxis) else {}
        graph = node.graph
        if not isinstance(graph, ir.Graph):
            raise ValueError(f"{plan.node} is in no graph")
        written = self.weights.setdefault((graph, plan.weight), [])
        for other, restored in written:
            if _same_weight(layer.weight, other):
                return restored
        integers, scales = layer.weight.integers(), layer.weight.row_scales
        stored = self.editor.initializer(f"{plan.weight}/quantized", integers)
        scale = self.editor.initializer(f"{plan.weight}/scale", scales)
        zero_point = self._zero_point(np.zeros(scales.shape, integers.dtype))
        dq = self.editor.node(
            "DequantizeLinear",
            [stored, scale, zero_point],
            f"{plan.weight}/dequantized",
            dtype=ir.DataType.FLOAT,
            shape=ir.Shape(integers.shape),
            **attributes,
        )
        graph.insert_before(node, dq)
        written.append((layer.weight, dq.outputs[0]))
        return dq.outputs[0]

    def _insert_before(self, node: ir.Node, new: ir.Node) -> None:
        if not isinstance(node.graph, ir.Graph):
            raise ValueError(f"{node.name} is in no graph")
        node.graph.insert_before(node, new)


def _redirect(readers: Iterable[tuple[ir.Node, int]], value: ir.Value) -> None:
    for node, index in readers:
        node.replace_input_with(index, value)


def _same_weight(left: StoredWeight, right: StoredWeight) -> bool:
    return np.array_equal(left.scale, right.scale) and np.array_equal(left.packed, right.packed)
