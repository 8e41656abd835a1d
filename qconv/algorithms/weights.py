"""Quantize the weights of every layer that the Plan names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.bias_correction import convolution_shift, product_shift
from qconv.algorithms.layer_rows import LayerRows, layer_moment, round_layer, to_channels
from qconv.algorithms.saturation import fit_pairs, is_depthwise, pair_partners
from qconv.errors import ModelError
from qconv.graph.view import all_nodes, constant
from qconv.graph.windows import windows_of
from qconv.numerics.affine import MIN_SCALE
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import LayerPlan, Plan
from qconv.placement.rules import output_axis
from qconv.progress import Progress, no_progress
from qconv.rewrite.qdq import QuantizedLayer
from qconv.schemes import PerTensor, QParams

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class WeightSettings:
    """How weights are quantized.

    Attributes:
        bias_correction: take the mean error out of the biases.
        portable: keep 16-bit sums of adjacent products from saturating on x64 CPUs without VNNI.
        bits: width of the numbers that weights are rounded to: 8, 7 (a reduced range) or 4.
        gptq: round by GPTQ where second moments of the inputs are known, else to nearest.
    """

    bias_correction: bool
    portable: bool
    bits: int = 8
    gptq: bool = True


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
    """
    nodes = {str(node.name): node for node in all_nodes(model)}
    values = ir.convenience.create_value_mapping(model.graph)
    shared: dict[tuple[str, int], list[LayerPlan]] = {}
    for name, layer in plan.layers.items():
        shared.setdefault((layer.weight, output_axis(nodes[name])), []).append(layer)
    layers = {}
    for (name, axis), readers in progress(shared.items(), len(shared), "rounding weights"):
        weight = _finite(constant(values[name]), readers[0])
        biases = {layer.node: _flat_bias(values, layer, weight.shape[axis]) for layer in readers}
        quantized, scale = _quantize_weight(
            weight, axis, readers, biases, nodes, plan, params, settings, grams or {}
        )
        rounded = QuantizedLayer(quantized, scale, None)
        error = rounded.restored(axis) - weight
        for layer in readers:
            bias = biases[layer.node]
            means = input_means(layer, plan, statistics)
            if settings.bias_correction and layer.bias_node is not None and means is not None:
                gram = (grams or {}).get(layer.node)
                shift = mean_output(nodes[layer.node], error, means, gram)
                bias = (0.0 if bias is None else bias) - shift
            layers[layer.node] = (
                rounded if bias is None else replace(rounded, bias=np.asarray(bias, np.float32))
            )
    return {name: layers[name] for name in plan.layers}


def _finite(weight: NDArray[np.generic] | None, layer: LayerPlan) -> NDArray[np.float32]:
    if weight is None:
        raise ValueError(f"{layer.node}: its weight is not a constant")
    if not np.isfinite(weight).all():
        raise ModelError(
            f"the weight '{layer.weight}' of {layer.op_type} '{layer.node}' holds NaN or Inf",
            hint="the float model is broken; export it again",
        )
    return weight.astype(np.float32)


def _flat_bias(
    values: Mapping[str, ir.Value], layer: LayerPlan, channels: int
) -> NDArray[np.float64] | None:
    bias = constant(values[layer.bias]) if layer.bias is not None else None
    if bias is None:
        return None
    return np.broadcast_to(bias.astype(np.float64).reshape(-1), (channels,))


def _quantize_weight(
    weight: NDArray[np.float32],
    axis: int,
    readers: Sequence[LayerPlan],
    biases: Mapping[str, NDArray[np.float64] | None],
    nodes: Mapping[str, ir.Node],
    plan: Plan,
    params: Mapping[str, QParams],
    settings: WeightSettings,
    grams: Mapping[str, Gram],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return the integers in the weight's own shape, and the scale ``[O]`` or ``[]``."""
    channels = to_channels(weight, axis)
    smallest = np.zeros(len(channels), np.float32)
    for layer in readers:
        bias = biases[layer.node]
        if bias is not None and layer.bias_node == layer.node:
            input_scale = float(params[plan.values[layer.input].params_from].scale)
            smallest = np.maximum(smallest, _room_for_bias(bias, input_scale))
    paired = settings.portable and settings.bits == 8
    paired = paired and not all(is_depthwise(nodes[r.node], weight.shape) for r in readers)
    shared = isinstance(readers[0].weight_scheme.granularity, PerTensor)
    rows = LayerRows(
        channels.reshape(len(channels), -1),
        settings.bits,
        smallest,
        shared=shared,
        partners=pair_partners(channels.shape) if paired else None,
        fit=(lambda scale: fit_pairs(weight, scale, axis)) if paired else None,
    )
    centred = settings.bias_correction and all(layer.bias_node for layer in readers)
    moment = None
    if settings.gptq:
        known = [grams.get(layer.node) for layer in readers]
        moment = layer_moment(known, rows.matrix.shape, centred=centred)
    levels, scale = round_layer(rows, moment)
    own_shape = np.moveaxis(levels.reshape(channels.shape), 0, axis)
    return np.ascontiguousarray(own_shape).astype(np.int8), scale.reshape(()) if shared else scale


def input_means(
    layer: LayerPlan, plan: Plan, statistics: Mapping[str, ValueStatistics]
) -> NDArray[np.float64] | None:
    """Return the mean of each input channel, or None if the means are those of another axis."""
    if plan.values[layer.input].channel_axis != (1 if layer.op_type == "Conv" else -1):
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
    if node.op_type != "Conv":
        return product_shift(channels, means)
    windows = windows_of(node, weight.shape[2:])
    if None in windows.sizes and gram is not None and gram.count:
        seen = gram.means()
        rows = channels.reshape(len(seen), -1, seen.shape[1])
        outputs: NDArray[np.float64] = np.einsum("gok,gk->go", rows, seen).reshape(-1)
        return outputs
    return convolution_shift(channels, means, windows)


def _room_for_bias(bias: NDArray[np.float64], input_scale: float) -> NDArray[np.float32]:
    """Return the weight scales under which the int32 bias, of scale ``s_x s_w``, overflows."""
    needed = np.abs(bias) / (0.9 * _INT32_MAX * max(input_scale, MIN_SCALE))
    return needed.astype(np.float32)
