"""Biases corrected by what the quantized model itself computes.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv
1906.04721, section 4.2 and appendix D (empirical bias correction). Instead of the outputs' means,
those of the inputs are measured: that of an output before its activation is ``Q(W) E[x] + b``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.weights import mean_output
from qconv.graph.view import constant
from qconv.placement.plan import Plan
from qconv.placement.rules import output_axis
from qconv.rewrite.qdq import QuantizedLayer

Means = Mapping[str, NDArray[np.float64]]


def correct_by_means(
    model: ir.Model,
    plan: Plan,
    layers: Mapping[str, QuantizedLayer],
    exact: Means,
    measured: Means,
) -> dict[str, QuantizedLayer]:
    """Return the layers with biases that give each output the mean that it has in float.

    Args:
        model: the prepared float model.
        plan: its plan.
        layers: the quantized layers, by node name.
        exact: mean of each channel of the layers' inputs in the float model, by value name.
        measured: the same in the quantized model.
    """
    nodes = {str(node.name): node for node in model.graph}
    values = ir.convenience.create_value_mapping(model.graph)
    corrected = dict(layers)
    for name, layer in plan.layers.items():
        means = exact.get(layer.input), measured.get(layer.input)
        weight = constant(values[layer.weight])
        if layer.bias_node is None or weight is None or means[0] is None or means[1] is None:
            continue
        node, quantized = nodes[name], layers[name]
        wanted = mean_output(node, weight.astype(np.float64), means[0])
        found = mean_output(node, quantized.restored(output_axis(node)), means[1])
        bias = constant(values[layer.bias]) if layer.bias is not None else None
        total = wanted - found + (0.0 if bias is None else bias.astype(np.float64).reshape(-1))
        corrected[name] = replace(quantized, bias=np.asarray(total, np.float32))
    return corrected
