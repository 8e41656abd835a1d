"""How much of a model file is quantized: its operators, its multiplications, its weights."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from qconv.data.source import Feeds
from qconv.evaluation.layer_work import layer_macs
from qconv.evaluation.weight_entries import NARROW, WeightEntry, data_nodes
from qconv.graph.float_work import works_on_floats
from qconv.graph.layers import weights_of
from qconv.graph.operators.facts import Numbers
from qconv.graph.operators.table import clamps, operator_of, quantizes, restores
from qconv.graph.view import all_nodes
from qconv.reporting.contents import Coverage
from qconv.runtime.audit import is_quantized


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


def _mac_share(model: ir.Model, quantized: set[str], feeds: Feeds) -> float | None:
    counts = layer_macs(model, feeds)
    if not counts:
        return None
    return _percent(
        sum(count for name, count in counts.items() if name in quantized), sum(counts.values())
    )


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
