"""A weight with all layers that read it, and its rounding within what their kernels demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.layer_rows import LayerRows, round_layer, to_channels
from qconv.algorithms.rows import Solver
from qconv.algorithms.saturation import fit_pairs, is_depthwise, pair_partners
from qconv.errors import ModelError
from qconv.graph.layers import output_axis
from qconv.graph.view import all_nodes, constant
from qconv.numerics.affine import MIN_SCALE
from qconv.placement.plan import LayerPlan, Plan
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
        solver: what rounds where second moments of the inputs are known; None rounds to nearest.
    """

    bias_correction: bool
    portable: bool
    bits: int = 8
    solver: Solver | None = "gptq"


@dataclass(frozen=True)
class SharedWeight:
    """A weight and its readers, which are rounded together.

    Attributes:
        array: the weight in the shape that the model has it in.
        axis: that of the output channels, O of them.
        readers: the layers.
        nodes: their nodes, in the same order.
        biases: what each adds to its outputs ``[O]``, or None, by the layer's name.
    """

    array: NDArray[np.float32]
    axis: int
    readers: tuple[LayerPlan, ...]
    nodes: tuple[ir.Node, ...]
    biases: Mapping[str, NDArray[np.float64] | None]

    @property
    def rows(self) -> NDArray[np.float32]:
        """The weight as ``[O, K]``."""
        channels = to_channels(self.array, self.axis)
        return channels.reshape(len(channels), -1)

    @property
    def takes_means(self) -> bool:
        """Whether each reader has a bias that takes out the mean of the weight's error."""
        return all(layer.bias_node for layer in self.readers)


class SharedWeights:
    """The weights of a plan's layers, in the order of their first readers, read one at a time.

    Iterating raises a ModelError where a weight holds NaN or Inf.
    """

    def __init__(self, model: ir.Model, plan: Plan) -> None:
        self._nodes = {str(node.name): node for node in all_nodes(model)}
        self._values = ir.convenience.create_value_mapping(model.graph)
        self._readers: dict[tuple[str, int], list[LayerPlan]] = {}
        for name, layer in plan.layers.items():
            key = layer.weight, output_axis(self._nodes[name])
            self._readers.setdefault(key, []).append(layer)

    def __len__(self) -> int:
        return len(self._readers)

    def __iter__(self) -> Iterator[SharedWeight]:
        for (name, axis), layers in self._readers.items():
            array = _finite(constant(self._values[name]), layers[0])
            channels = array.shape[axis]
            biases = {layer.node: _flat_bias(self._values, layer, channels) for layer in layers}
            nodes = tuple(self._nodes[layer.node] for layer in layers)
            yield SharedWeight(array, axis, tuple(layers), nodes, biases)


def round_weight(
    weight: SharedWeight,
    rows: NDArray[np.float32],
    moment: NDArray[np.float64] | None,
    input_scales: Mapping[str, float],
    settings: WeightSettings,
) -> QuantizedLayer:
    """Return ``rows [O, K]``, the weight or what stands for it, as integers in its own shape.

    Args:
        weight: whose readers' kernels set the limits.
        rows: what to round.
        moment: the second moment of the inputs ``[G, K, K]``; None rounds to nearest.
        input_scales: of what each reader reads, by the reader's name.
        settings: how.
    """
    channels = to_channels(weight.array, weight.axis)
    own = np.ascontiguousarray(np.moveaxis(rows.reshape(channels.shape), 0, weight.axis))
    paired = settings.portable and settings.bits == 8
    paired = paired and not all(is_depthwise(node, own.shape) for node in weight.nodes)
    shared = isinstance(weight.readers[0].weight_scheme.granularity, PerTensor)
    limits = LayerRows(
        rows,
        settings.bits,
        _smallest_scales(weight, input_scales),
        shared=shared,
        partners=pair_partners(channels.shape) if paired else None,
        fit=(lambda scale: fit_pairs(own, scale, weight.axis)) if paired else None,
    )
    levels, scale = round_layer(limits, moment, settings.solver or "gptq")
    integers = np.moveaxis(levels.reshape(channels.shape), 0, weight.axis)
    stored = np.ascontiguousarray(integers).astype(np.int8)
    return QuantizedLayer(stored, scale.reshape(()) if shared else scale, None)


def input_scales(
    weight: SharedWeight, plan: Plan, params: Mapping[str, QParams]
) -> dict[str, float]:
    """Return the scale of what each reader reads, by the reader's name."""
    return {
        layer.node: float(params[plan.values[layer.input].params_from].scale)
        for layer in weight.readers
    }


def _smallest_scales(
    weight: SharedWeight, input_scales: Mapping[str, float]
) -> NDArray[np.float32]:
    """Return the weight scales ``[O]`` under which int32 biases, of scale ``s_x s_w``, overflow."""
    smallest = np.zeros(weight.array.shape[weight.axis], np.float32)
    for layer in weight.readers:
        bias = weight.biases[layer.node]
        if bias is not None and layer.bias_node == layer.node:
            step = max(input_scales[layer.node], MIN_SCALE)
            needed = np.abs(bias) / (0.9 * _INT32_MAX * step)
            smallest = np.maximum(smallest, needed.astype(np.float32))
    return smallest


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
