"""Quantize the weights of every layer that the Plan names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.bias_correction import convolution_shift, product_shift
from qconv.algorithms.saturation import INT8_MAX, REDUCED, fit_pairs, is_depthwise
from qconv.errors import ModelError
from qconv.graph.view import all_nodes, constant
from qconv.graph.windows import windows_of
from qconv.numerics.affine import MIN_SCALE, channel_scales, dequantize, quantize
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import LayerPlan, Plan
from qconv.rewrite.qdq import QuantizedLayer
from qconv.schemes import PerAxis, QParams

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class WeightSettings:
    """How weights are quantized.

    ``bias_correction`` takes the mean error out of the biases; ``portable`` keeps 16-bit sums
    of adjacent products from saturating on x64 CPUs without VNNI. ``reduce_range`` keeps all
    weights within 7 bits, so that no sum of two products can.
    """

    bias_correction: bool
    portable: bool
    reduce_range: bool = False


def quantize_layers(
    model: ir.Model,
    plan: Plan,
    params: Mapping[str, QParams],
    statistics: Mapping[str, ValueStatistics],
    settings: WeightSettings,
) -> dict[str, QuantizedLayer]:
    """Return the integer weight, its scale and the bias of each layer, by node name."""
    nodes = {str(node.name): node for node in all_nodes(model)}
    values = ir.convenience.create_value_mapping(model.graph)
    layers = {}
    for name, layer in plan.layers.items():
        bias = constant(values[layer.bias]) if layer.bias is not None else None
        means = _input_means(layer, plan, statistics)
        input_scale = float(params[plan.values[layer.input].params_from].scale)
        weight = constant(values[layer.weight])
        if weight is None:
            raise ValueError(f"{name}: its weight is not a constant")
        if not np.isfinite(weight).all():
            raise ModelError(
                f"the weight '{layer.weight}' of {layer.op_type} '{name}' holds NaN or Inf",
                hint="the float model is broken; export it again",
            )
        layers[name] = _quantize_layer(
            nodes[name], layer, weight.astype(np.float32), bias, means, input_scale, settings
        )
    return layers


def _input_means(
    layer: LayerPlan, plan: Plan, statistics: Mapping[str, ValueStatistics]
) -> NDArray[np.float64]:
    """Return the mean of each input channel; nothing if the means are those of another axis."""
    axis = 1 if layer.op_type == "Conv" else -1
    if plan.values[layer.input].channel_axis != axis:
        return np.zeros(0)
    return statistics[layer.input].means.means()


def _quantize_layer(
    node: ir.Node,
    layer: LayerPlan,
    weight: NDArray[np.float32],
    bias: NDArray[np.generic] | None,
    means: NDArray[np.float64],
    input_scale: float,
    settings: WeightSettings,
) -> QuantizedLayer:
    granularity = layer.weight_scheme.granularity
    if not isinstance(granularity, PerAxis):
        raise ValueError(f"{layer.node}: weights are quantized per channel")
    axis = granularity.axis
    scale = channel_scales(weight, layer.weight_scheme)
    if settings.reduce_range:
        scale = scale * np.float32(INT8_MAX / REDUCED)
    flat_bias = None if bias is None else np.broadcast_to(bias.reshape(-1), scale.shape)
    if flat_bias is not None and layer.bias_node == layer.node:
        scale = _room_for_bias(scale, flat_bias, input_scale)
    if settings.portable and not is_depthwise(node, weight.shape):
        scale = fit_pairs(weight, scale, axis)
    params = QParams(layer.weight_scheme, scale, np.zeros(scale.shape, np.int8))
    quantized = quantize(weight, params).astype(np.int8)
    if settings.bias_correction and layer.bias_node is not None and means.size:
        error = np.moveaxis(dequantize(quantized, params).astype(np.float64) - weight, axis, 0)
        shift = (
            convolution_shift(error, means, windows_of(node, weight.shape[2:]))
            if layer.op_type == "Conv"
            else product_shift(error, means)
        )
        flat_bias = (0.0 if flat_bias is None else flat_bias) - shift
    return QuantizedLayer(
        quantized, scale, None if flat_bias is None else np.asarray(flat_bias, np.float32)
    )


def _room_for_bias(
    scale: NDArray[np.float32], bias: NDArray[np.generic], input_scale: float
) -> NDArray[np.float32]:
    """Raise weight scales where the int32 bias, of scale ``s_x s_w``, would overflow."""
    needed = np.abs(bias.astype(np.float64)) / (0.9 * _INT32_MAX * max(input_scale, MIN_SCALE))
    return np.maximum(scale, needed).astype(np.float32)
