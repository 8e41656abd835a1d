"""Remove what does nothing at inference."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.edit import bypass, may_bypass, nodes_to_edit
from qconv.graph.operators.table import operator_of
from qconv.graph.view import constant


def remove_noops(model: ir.Model) -> None:
    """Remove Identity nodes, and Dropout nodes that run in inference mode."""
    for node, _ in nodes_to_edit(model):
        if not operator_of(node).idle:
            continue
        data = node.inputs[0]
        if data is not None and not _has_effect(node) and may_bypass(node, data):
            bypass(node, data)


def _has_effect(node: ir.Node) -> bool:
    if any(output.uses() or output.is_graph_output() for output in node.outputs[1:]):
        return True
    mode = node.inputs[2] if len(node.inputs) > 2 else None
    if mode is None:
        return False
    training = constant(mode)
    return training is None or bool(training)
