"""A weight with all layers that read it, and its rounding within what their kernels demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.rounding import layer_rounding, round_weight
from qconv.algorithms.rows import Limits, Solver
from qconv.algorithms.saturation import is_depthwise, kernel_order
from qconv.conversions.weights.finite import finite_weight
from qconv.graph.layers import output_axis
from qconv.graph.view import all_nodes, constant, int_attribute
from qconv.numerics.affine import MIN_SCALE
from qconv.numerics.layouts import Layout, channel_rows
from qconv.numerics.number_types import INT8
from qconv.numerics.schemes import PerAxis, PerTensor, QParams, Scheme
from qconv.numerics.stored import StoredWeight
from qconv.placement.plan import LayerPlan, Plan
from qconv.placement.targets.table import Bias

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class WeightSettings:
    """How weights are quantized.

    Attributes:
        bias_correction: take the mean error out of the biases.
        portable: keep 16-bit sums of adjacent products from saturating on x64 CPUs without VNNI.
        solver: what rounds where second moments of the inputs are known; None rounds to nearest.
    """

    bias_correction: bool
    portable: bool
    solver: Solver | None = "gptq"


@dataclass(frozen=True)
class SharedWeight:
    """A weight and its readers, which are rounded together.

    Attributes:
        array: the weight in the shape that the model has it in.
        layout: a row for each of its O output channels.
        readers: the layers.
        nodes: their nodes, in the same order.
        biases: what each adds to its outputs ``[O]``, or None, by the layer's name.
        smallest_scales: ``[O]``, below which an int32 bias of a reader would overflow.
    """

    array: NDArray[np.float32]
    layout: Layout
    readers: tuple[LayerPlan, ...]
    nodes: tuple[ir.Node, ...]
    biases: Mapping[str, NDArray[np.float64] | None]
    smallest_scales: NDArray[np.float32]

    @property
    def rows(self) -> NDArray[np.float32]:
        """The weight as ``[O, K]``."""
        return self.layout.to_rows(self.array)

    @property
    def takes_means(self) -> bool:
        """Whether each reader has a bias that takes out the mean of the weight's error."""
        return all(layer.bias_node for layer in self.readers)


class SharedWeights:
    """The weights of a plan's layers, in the order of their first readers, read one at a time.

    Iterating raises a ModelError where a weight holds NaN or Inf.
    """

    def __init__(self, model: ir.Model, plan: Plan, params: Mapping[str, QParams]) -> None:
        self._scales = _input_scales(plan, params)
        self._nodes = {str(node.name): node for node in all_nodes(model)}
        self._values = ir.convenience.create_value_mapping(model.graph)
        self._readers: dict[tuple[str, int, Scheme], list[LayerPlan]] = {}
        for name, layer in plan.layers.items():
            key = layer.weight, output_axis(self._nodes[name]), layer.weight_scheme
            self._readers.setdefault(key, []).append(layer)

    def __len__(self) -> int:
        return len(self._readers)

    def __iter__(self) -> Iterator[SharedWeight]:
        for (name, axis, _), layers in self._readers.items():
            reader = f"{layers[0].op_type} '{layers[0].node}'"
            array = finite_weight(self._values[name], reader).astype(np.float32)
            layout = channel_rows(array.shape, axis)
            biases = {layer.node: _flat_bias(self._values, layer, layout.rows) for layer in layers}
            nodes = tuple(self._nodes[layer.node] for layer in layers)
            yield SharedWeight(
                array=array,
                layout=layout,
                readers=tuple(layers),
                nodes=nodes,
                biases=biases,
                smallest_scales=_smallest_scales(biases, self._scales, layout.rows),
            )


def round_shared(
    weight: SharedWeight,
    rows: NDArray[np.float32],
    moment: NDArray[np.float64] | None,
    settings: WeightSettings,
) -> StoredWeight:
    """Return ``rows [O, K]``, the weight or what stands for it, in its readers' scheme.

    Args:
        weight: whose readers' kernels set the limits.
        rows: what to round.
        moment: the second moment of the inputs ``[G, K, K]``; None rounds to nearest.
        settings: how.
    """
    scheme = weight.readers[0].weight_scheme
    granularity = PerTensor() if isinstance(scheme.granularity, PerTensor) else PerAxis(0)
    how = layer_rounding(granularity, scheme.dtype, settings.solver)
    shape = weight.layout.reordered
    paired = settings.portable and scheme.dtype == INT8
    if all(is_depthwise(int_attribute(node, "group", 1), shape) for node in weight.nodes):
        paired = False
    order = kernel_order(shape) if paired else None
    limits = Limits(weight.smallest_scales, order)
    return round_weight(rows, weight.layout, how, moment, limits)


def _input_scales(plan: Plan, params: Mapping[str, QParams]) -> dict[str, float]:
    """Return the scale of what each layer with an int32 bias reads, by the layer's name."""
    if plan.target.bias is not Bias.INT32:
        return {}
    return {
        name: float(params[plan.values[layer.input].params_from].scale)
        for name, layer in plan.layers.items()
        if layer.bias_node == name
    }


def _smallest_scales(
    biases: Mapping[str, NDArray[np.float64] | None], scales: Mapping[str, float], rows: int
) -> NDArray[np.float32]:
    """Return the weight scales ``[O]`` under which int32 biases, of scale ``s_x s_w``, overflow."""
    smallest = np.zeros(rows, np.float32)
    for name, bias in biases.items():
        if bias is not None and name in scales:
            needed = np.abs(bias) / (0.9 * _INT32_MAX * max(scales[name], MIN_SCALE))
            smallest = np.maximum(smallest, needed.astype(np.float32))
    return smallest


def _flat_bias(
    values: Mapping[str, ir.Value], layer: LayerPlan, channels: int
) -> NDArray[np.float64] | None:
    bias = constant(values[layer.bias]) if layer.bias is not None else None
    if bias is None:
        return None
    return np.broadcast_to(bias.astype(np.float64).reshape(-1), (channels,))
