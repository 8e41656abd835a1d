"""What quantizing one layer alone costs at its output: SQNR layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import onnx_ir as ir

from qconv.data.source import Sample
from qconv.evaluation.layer_errors import SAMPLES, giving, run_for
from qconv.graph.edit import Editor
from qconv.graph.model_io import model_to_bytes
from qconv.graph.operators.table import quantizes
from qconv.graph.prepare.unused import remove_unused
from qconv.graph.view import name_of
from qconv.numerics.metrics import Sqnr
from qconv.placement.plan import LayerPlan, Plan
from qconv.progress import Progress, no_progress
from qconv.runtime.session import open_session


@dataclass(frozen=True)
class _Layer:
    """A layer by its name, the value that it reads, and what it gives in the two models."""

    node: str
    input: str
    exact: str
    restored: str


def output_errors(
    exact: ir.Model,
    quantized: ir.Model,
    plan: Plan,
    samples: Iterable[Sample],
    progress: Progress = no_progress,
) -> dict[str, float]:
    """Return the SQNR in dB at the output of each layer of the main graph, by its name.

    Each layer is fed what the float model gives. So what counts is the rounding of its weight, of
    its output where it gives integers, and of its input where that comes from a float operator.

    Args:
        exact: the float model.
        quantized: a copy of it with QuantizeLinear and DequantizeLinear, as the Plan says.
        plan: what is quantized.
        samples: what to run; the first 16 are looked at.
        progress: shown over the samples.
    """
    layers = _layers(quantized, plan)
    if not layers:
        return {}
    names = list(dict.fromkeys(name for layer in layers for name in (layer.input, layer.exact)))
    restored = [layer.restored for layer in layers]
    fed, inputs = _fed(quantized, plan, layers)
    exact_session = open_session(model_to_bytes(giving(exact, names)))
    alone = open_session(model_to_bytes(fed))
    sums = [Sqnr() for _ in layers]
    chosen = list(islice(samples, SAMPLES))
    for sample in progress(chosen, len(chosen), "ranking layers"):
        values = dict(zip(names, run_for(exact_session, names, sample.feeds), strict=True))
        forced = {fed_name: values[name] for name, fed_name in inputs.items()}
        found = run_for(alone, restored, forced)
        for layer, total, array in zip(layers, sums, found, strict=True):
            total.update(values[layer.exact], array)
    return {layer.node: total.result for layer, total in zip(layers, sums, strict=True)}


def _layers(quantized: ir.Model, plan: Plan) -> list[_Layer]:
    nodes = {str(node.name): node for node in quantized.graph}
    values = ir.convenience.create_value_mapping(quantized.graph)
    found = (layer for layer in plan.layers.values() if layer.node in nodes)
    return [_layer(layer, nodes, values) for layer in found]


def _layer(plan: LayerPlan, nodes: Mapping[str, ir.Node], values: Mapping[str, ir.Value]) -> _Layer:
    if plan.output is not None:
        restored = name_of(_dequantized(values[plan.output]))
        return _Layer(plan.node, plan.input, plan.output, restored)
    output = name_of(nodes[plan.bias_node or plan.node].outputs[0])
    return _Layer(plan.node, plan.input, output, output)


def _dequantized(value: ir.Value) -> ir.Value:
    """Return what the DequantizeLinear behind a value gives, which an output of the model is."""
    quantizers = (u.node for u in value.uses() if quantizes(u.node))
    found = next((use.node for node in quantizers for use in node.outputs[0].uses()), None)
    return value if value.is_graph_output() or found is None else found.outputs[0]


def _fed(
    quantized: ir.Model, plan: Plan, layers: Iterable[_Layer]
) -> tuple[ir.Model, Mapping[str, str]]:
    """Return a copy in which each layer reads an input, and the input's name by the value's.

    The copy gives what the layers give.
    """
    copy = quantized.clone()
    values = ir.convenience.create_value_mapping(copy.graph)
    nodes = {str(node.name): node for node in copy.graph}
    editor = Editor(copy.graph)
    inputs: dict[str, ir.Value] = {}
    for layer in layers:
        if layer.input not in inputs:
            name, shape = editor.unique(f"{layer.input}/exact"), values[layer.input].shape
            kind = ir.TensorType(ir.DataType.FLOAT)
            inputs[layer.input] = ir.Value(name=name, shape=shape, type=kind)
        reader = nodes[layer.node]
        if not plan.values[layer.input].emitted:
            reader = _quantizer(reader)
        reader.replace_input_with(0, inputs[layer.input])
    copy.graph.inputs.clear()
    copy.graph.inputs.extend(inputs.values())
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(values[layer.restored] for layer in layers)
    remove_unused(copy)
    return copy, {name: name_of(value) for name, value in inputs.items()}


def _quantizer(layer: ir.Node) -> ir.Node:
    """Return the QuantizeLinear that rounds what a layer reads."""
    node = layer
    while not quantizes(node):
        value = node.inputs[0]
        before = None if value is None else value.producer()
        if before is None:
            raise ValueError(f"{layer.name} reads nothing that is quantized")
        node = before
    return node
