"""Quantize the weights of every layer that the Plan names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.bias_correction import mean_output
from qconv.algorithms.input_moment import layer_moment
from qconv.conversions.shared_weights import (
    SharedWeights,
    WeightSettings,
    input_scales,
    round_shared,
)
from qconv.graph.conv_geometry import windows_of
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of, standard_operator
from qconv.numerics.schemes import QParams
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import LayerPlan, Plan
from qconv.progress import Progress, no_progress
from qconv.rewrite.qdq import QuantizedLayer


def quantize_layers(
    model: ir.Model,
    plan: Plan,
    params: Mapping[str, QParams],
    statistics: Mapping[str, ValueStatistics],
    settings: WeightSettings,
    *,
    grams: Mapping[str, Gram] | None = None,
    progress: Progress = no_progress,
) -> dict[str, QuantizedLayer]:
    """Return the integer weight, its scale and the bias of each layer, by node name.

    ``grams`` are the second moments of layers' inputs, by node name. Layers that share a weight
    are solved together.

    Raises:
        ModelError: a weight holds NaN or Inf.
    """
    layers = {}
    weights = SharedWeights(model, plan)
    for weight in progress(weights, len(weights), "rounding weights"):
        known = [(grams or {}).get(layer.node) for layer in weight.readers]
        moment = None
        if settings.solver is not None:
            centred = settings.bias_correction and weight.takes_means
            moment = layer_moment(known, weight.rows.shape, centred=centred)
        scales = input_scales(weight, plan, params)
        rounded = round_shared(weight, weight.rows, moment, scales, settings)
        error = weight.layout.to_rows(rounded.exact() - weight.array)
        channels = error.reshape(weight.layout.reordered)
        for layer, node, gram in zip(weight.readers, weight.nodes, known, strict=True):
            bias = weight.biases[layer.node]
            means = input_means(layer, plan, statistics)
            if settings.bias_correction and layer.bias_node is not None and means is not None:
                windows = None
                if operator_of(node).layer is Family.CONVOLUTION:
                    windows = windows_of(node, channels.shape[2:])
                shift = mean_output(channels, means, windows, gram)
                bias = (0.0 if bias is None else bias) - shift
            kept = None if bias is None else np.asarray(bias, np.float32)
            layers[layer.node] = QuantizedLayer(rounded, kept)
    return {name: layers[name] for name in plan.layers}


def input_means(
    layer: LayerPlan, plan: Plan, statistics: Mapping[str, ValueStatistics]
) -> NDArray[np.float64] | None:
    """Return the mean of each input channel, or None if the means are those of another axis."""
    if plan.values[layer.input].channel_axis != standard_operator(layer.op_type).channels:
        return None
    means = statistics[layer.input].means.means()
    return means if means.size else None
