"""Which second moments of a record belong to which layer."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from qconv.observers.gram import Gram
from qconv.placement.inputs import layer_inputs


def moments_by_node(model: ir.Model, grams: Mapping[str, Gram]) -> dict[str, Gram]:
    """Return the second moments of what layers read, by the layer's name; given by their key."""
    return {
        node: grams[layer_input.key]
        for layer_input in layer_inputs(model)
        if layer_input.key in grams
        for node in layer_input.nodes
    }
