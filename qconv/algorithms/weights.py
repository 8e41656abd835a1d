"""Quantize the weights of every layer that the Plan names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.bias_correction import convolution_shift, product_shift
from qconv.algorithms.layer_rows import layer_moment, to_channels
from qconv.algorithms.shared_weights import (
    SharedWeights,
    WeightSettings,
    input_scales,
    round_weight,
)
from qconv.graph.layers import output_axis
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of, standard_operator
from qconv.graph.windows import windows_of
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import LayerPlan, Plan
from qconv.progress import Progress, no_progress
from qconv.rewrite.qdq import QuantizedLayer
from qconv.schemes import QParams


def quantize_layers(
    model: ir.Model,
    plan: Plan,
    params: Mapping[str, QParams],
    statistics: Mapping[str, ValueStatistics],
    settings: WeightSettings,
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
        rounded = round_weight(weight, weight.rows, moment, scales, settings)
        error = rounded.restored(weight.axis) - weight.array
        for layer, node, gram in zip(weight.readers, weight.nodes, known, strict=True):
            bias = weight.biases[layer.node]
            means = input_means(layer, plan, statistics)
            if settings.bias_correction and layer.bias_node is not None and means is not None:
                shift = mean_output(node, error, means, gram)
                bias = (0.0 if bias is None else bias) - shift
            layers[layer.node] = (
                rounded if bias is None else replace(rounded, bias=np.asarray(bias, np.float32))
            )
    return {name: layers[name] for name in plan.layers}


def input_means(
    layer: LayerPlan, plan: Plan, statistics: Mapping[str, ValueStatistics]
) -> NDArray[np.float64] | None:
    """Return the mean of each input channel, or None if the means are those of another axis."""
    if plan.values[layer.input].channel_axis != standard_operator(layer.op_type).channels:
        return None
    means = statistics[layer.input].means.means()
    return means if means.size else None


def mean_output(
    node: ir.Node, weight: NDArray[np.float64], means: NDArray[np.float64], gram: Gram | None
) -> NDArray[np.float64]:
    """Return what a layer with this weight gives in the mean, without its bias, ``[O]``.

    Where sizes of a feature map are unknown, so is the share of padding that the taps of a
    convolution meet; the vectors that were seen, if there are some, hold it.
    """
    channels = to_channels(weight, output_axis(node))
    if operator_of(node).layer is not Family.CONVOLUTION:
        return product_shift(channels, means)
    windows = windows_of(node, weight.shape[2:])
    if None in windows.sizes and gram is not None and gram.count:
        seen = gram.means()
        rows = channels.reshape(len(seen), -1, seen.shape[1])
        outputs: NDArray[np.float64] = np.einsum("gok,gk->go", rows, seen).reshape(-1)
        return outputs
    return convolution_shift(channels, means, windows)
