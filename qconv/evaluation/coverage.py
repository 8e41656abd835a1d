"""How much of a model file is quantized: its operators, its multiplications, its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir

from qconv.data.source import Feeds, Sample
from qconv.errors import ModelError, UnsupportedError
from qconv.evaluation.weight_entries import NARROW, WeightEntry, data_nodes
from qconv.graph.float_work import works_on_floats
from qconv.graph.layers import output_axis, weights_of
from qconv.graph.model_io import model_to_bytes
from qconv.graph.operators.facts import Family, Numbers
from qconv.graph.operators.table import clamps, operator_of, quantizes, restores
from qconv.graph.shapes import infer_shapes
from qconv.graph.view import all_nodes, static_shape
from qconv.reporting.contents import Coverage
from qconv.runtime.audit import is_quantized
from qconv.runtime.runner import Runner
from qconv.runtime.session import input_specs, open_session

Shape = tuple[int, ...]


def coverage(model: ir.Model, weights: Sequence[WeightEntry], feeds: Feeds) -> Coverage:
    """Return how much of a model is quantized.

    Args:
        model: a model file as it was read, with all nodes named.
        weights: what it stores.
        feeds: one feed, for the shapes of its inputs.
    """
    working = computing(model)
    return Coverage(
        ops=_percent(sum(map(is_in_integers, working)), len(working)),
        macs=_mac_share(model, covered(model), feeds),
        bytes=_percent(
            sum(weight.elements for weight in weights if weight.quantized and not weight.parameter),
            sum(weight.elements for weight in weights if not weight.parameter),
        ),
    )


def computing(model: ir.Model) -> list[ir.Node]:
    """Return the operators that work on floats, or on the integers that stand for them."""
    moving = data_nodes(model)
    return [
        node
        for node in all_nodes(model)
        if id(node) in moving and (works_on_floats(node) or is_quantized(node))
    ]


def covered(model: ir.Model) -> set[str]:
    """Return the names of the operators whose inputs, or weights alone, are quantized."""
    working = computing(model)
    return {
        str(node.name)
        for node in working
        if is_in_integers(node) or is_quantized(node) or _restores_weight(node)
    }


def is_in_integers(node: ir.Node) -> bool:
    """Whether the operator reads quantized data, or its rounding is all that is left of it."""
    return (is_quantized(node) and not _reads_float(node)) or _is_merged(node)


def _reads_float(node: ir.Node) -> bool:
    """Whether only the weight of a layer is quantized."""
    operator = operator_of(node)
    if operator.numbers is Numbers.PACKED:
        return True
    data = node.inputs[0] if operator.is_layer else None
    return data is not None and not restores(data.producer())


def _is_merged(node: ir.Node) -> bool:
    """Whether the node is the activation of a quantized operator, computed by its rounding."""
    producer = node.inputs[0].producer() if node.inputs and node.inputs[0] is not None else None
    if not clamps(node) or producer is None or not is_quantized(producer):
        return False
    readers = [usage.node for usage in node.outputs[0].uses()]
    return bool(readers) and all(map(quantizes, readers))


def _restores_weight(node: ir.Node) -> bool:
    """Whether the weight of a layer is computed from constants, of which some are in few bits."""
    if not operator_of(node).multiplies:
        return False
    found = False
    pending = list(weights_of(node))
    while pending:
        value = pending.pop()
        if value is None:
            continue
        producer = value.producer()
        if producer is not None:
            pending.extend(producer.inputs)
        elif value.const_value is None:
            return False
        else:
            found |= value.const_value.dtype in NARROW and value.const_value.size > 1
    return found


def layer_macs(model: ir.Model, feeds: Feeds) -> dict[str, int] | None:
    """Return the multiplications of each Conv, Gemm and MatMul of the main graph, by node name.

    Where shapes cannot be inferred, they are taken from one inference; None where the runtime
    cannot make one.
    """
    sized = model.clone()
    for value in sized.graph.inputs:
        feed = feeds.get(str(value.name))
        if feed is not None:
            value.shape = ir.Shape(feed.shape)
    infer_shapes(sized)
    counts = _counts(sized, {})
    if counts is None:
        try:
            counts = _counts(sized, _shapes_of_a_run(model, feeds))
        except (ModelError, UnsupportedError):
            return None
    return counts


def _mac_share(model: ir.Model, quantized: set[str], feeds: Feeds) -> float | None:
    counts = layer_macs(model, feeds)
    if not counts:
        return None
    return _percent(
        sum(count for name, count in counts.items() if name in quantized), sum(counts.values())
    )


def _counts(model: ir.Model, shapes: Mapping[str, Shape]) -> dict[str, int] | None:
    counts = {}
    for node in model.graph:
        if not operator_of(node).multiplies:
            continue
        count = _macs(node, shapes)
        if count is None:
            return None
        counts[str(node.name)] = count
    return counts


def _macs(node: ir.Node, shapes: Mapping[str, Shape]) -> int | None:
    """Return the multiplications of one operator: outputs times what each sums over.

    A ConvTranspose spreads each input over a kernel, so its inputs are counted instead.
    """
    operator = operator_of(node)
    spreads = operator.family is Family.SPREADING
    counted = _shape(node.inputs[0] if spreads else node.outputs[0], shapes)
    if counted is None:
        return None
    if operator.numbers is Numbers.PACKED:
        return math.prod(counted) * node.attributes.get_int("K", 0)
    weight = _shape(node.inputs[operator.weights[0]], shapes)
    if weight is None:
        return None
    if operator.family is not Family.PRODUCT:
        return math.prod(counted) * math.prod(weight[1:])
    if len(weight) < 2:
        return math.prod(weight) * (math.prod(counted) or 1)
    return math.prod(counted) * weight[-2 if output_axis(node) == 1 else -1]


def _shape(value: ir.Value | None, shapes: Mapping[str, Shape]) -> Shape | None:
    if value is None:
        return None
    if value.const_value is not None:
        return tuple(value.const_value.shape.numpy())
    shape = static_shape(value)
    if shape is not None and all(isinstance(size, int) for size in shape):
        return tuple(size for size in shape if size is not None)
    return shapes.get(str(value.name))


def _shapes_of_a_run(model: ir.Model, feeds: Feeds) -> dict[str, Shape]:
    """Return the shapes of what layers read and give, as one inference shows them."""
    probed = model.clone()
    values = {
        str(value.name): value
        for node in probed.graph
        if operator_of(node).multiplies
        for value in (*node.inputs, *node.outputs)
        if value is not None and value.const_value is None and not value.is_graph_input()
    }
    probed.graph.outputs.clear()
    probed.graph.outputs.extend(values.values())
    runner = Runner(Path("model"), open_session(model_to_bytes(probed), optimization="none"))
    fitted = {
        spec.name: feeds[spec.name].astype(spec.dtype) for spec in input_specs(runner.session)
    }
    outputs = runner.run(Sample(fitted, None, "a sample"))
    return {name: tuple(array.shape) for name, array in outputs.items()}


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
