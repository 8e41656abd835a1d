"""Write LSTM as DynamicQuantizeLSTM, documented in ONNX Runtime's ContribOperators.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor
from qconv.graph.operators.table import RUNTIME_DOMAIN
from qconv.graph.view import name_of

_LSTM_INPUTS = 8


def write_lstm(
    node: ir.Node,
    weights: Sequence[tuple[ir.Value, ir.Value]],
    shapes: Sequence[tuple[int, ...]],
    editor: Editor,
) -> None:
    """Put DynamicQuantizeLSTM in the place of an LSTM.

    Its inputs are those of the LSTM, then scale and zero point of each weight.

    Args:
        node: the LSTM.
        weights: integers and scales of W and R.
        shapes: those of their zero points.
        editor: names what is added.
    """
    inputs = [*node.inputs, *[None] * _LSTM_INPUTS][:_LSTM_INPUTS]
    params = []
    for index, ((integers, scale), shape) in enumerate(zip(weights, shapes, strict=True), 1):
        value = inputs[index]
        if value is None:
            raise ValueError(f"{node.name}: an LSTM has weights")
        inputs[index] = integers
        zeros = np.zeros(shape, np.int8)
        params += [scale, editor.initializer(f"{name_of(value)}/zero_points", zeros)]
    attributes = [value for name, value in node.attributes.items() if name != "layout"]
    outputs = list(node.outputs)
    fused = ir.Node(
        RUNTIME_DOMAIN,
        "DynamicQuantizeLSTM",
        [*inputs, *params],
        attributes,
        name=editor.unique(f"{node.name}/DynamicQuantizeLSTM"),
        num_outputs=len(outputs),
    )
    graph = node.graph
    if not isinstance(graph, ir.Graph):
        raise ValueError(f"{node.name} is in no graph")
    graph.insert_before(node, fused)
    for old, new in zip(outputs, fused.outputs, strict=True):
        new.type, new.shape = old.type, old.shape
        old.name, new.name = None, old.name
        old.replace_all_uses_with(new, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    fused.name, node.name = node.name, fused.name
