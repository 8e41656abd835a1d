"""Round the weights of every layer that the Plan names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.bias_correction import mean_output
from qconv.algorithms.input_moment import layer_moment
from qconv.calibration.moments import moments_by_node
from qconv.conversions.steps.round_in_sequence import sequential_inputs
from qconv.conversions.weights.shared_weights import (
    SharedWeights,
    WeightSettings,
    round_shared,
)
from qconv.conversions.work import Needs, Topic, Work
from qconv.errors import UsageError
from qconv.graph.conv_geometry import windows_of
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of, standard_operator
from qconv.numerics.schemes import QParams
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.inputs import affordable, layer_inputs
from qconv.placement.plan import LayerPlan, Plan
from qconv.progress import Progress, no_progress
from qconv.rewrite.qdq import QuantizedLayer


@dataclass(frozen=True)
class RoundWeights:
    """Round each weight to nearest, or so that its layer's output stays the closest.

    Attributes:
        settings: how weights are rounded.
        algorithm: what was asked for; ``auto`` does without second moments where there are none.
        effort: what ``auto`` goes by.
        in_sequence: whether layers that can be are rounded again, on what those before them give.
    """

    settings: WeightSettings
    algorithm: str = "auto"
    effort: str = "fast"
    in_sequence: bool = False

    def needs(self, model: ir.Model, plan: Plan) -> Needs:
        """Return the inputs of layers that are not measured again in the quantized model."""
        if self.settings.solver is None:
            return Needs()
        measured = sequential_inputs(model, plan) if self.in_sequence else {}
        others = [own for own in layer_inputs(model) if not measured.keys() >= set(own.nodes)]
        return Needs(depth="full", inputs=affordable(others))

    def apply(self, work: Work[Plan]) -> None:
        """Round them.

        Raises:
            ModelError: a weight holds NaN or Inf.
            UsageError: an algorithm was asked for that needs second moments, and there are none.
        """
        model, plan, solver = work.model, work.plan, self.settings.solver
        grams = moments_by_node(model, work.grams)
        work.say(Topic.ROUNDING, *self._remarks(model, plan, grams))
        progress = work.progress if grams and solver is not None else no_progress
        work.layers = quantize_layers(
            *(model, plan, work.params, work.statistics, self.settings),
            grams=grams,
            progress=progress,
        )

    def _remarks(self, model: ir.Model, plan: Plan, grams: Mapping[str, Gram]) -> Iterator[str]:
        """Say how weights are rounded; layers that are measured again need no second moments."""
        measured = sequential_inputs(model, plan) if self.in_sequence else {}
        sequential = [name for name in plan.layers if name in measured]
        others = [name for name in plan.layers if name not in measured]
        unknown = {layer.weight for name, layer in plan.layers.items() if name not in grams}
        known = [name for name in others if plan.layers[name].weight not in unknown]
        if sequential:
            yield (
                f"{_layers(len(sequential))} rounded in sequence, on the outputs of the layers "
                "before them"
            )
        if self.settings.solver is None or not others:
            return
        if self.algorithm != "auto" and not known:
            raise UsageError(
                f"{self.algorithm} needs second moments of the layers' inputs",
                hint="calibrate with `statistics=full`, or give `data`",
            )
        if not known and not sequential:
            yield (
                "weights rounded to nearest: the record has no second moments, which "
                f"`effort={self.effort}` would use; calibrate with `statistics=full`, or give "
                "`data`"
            )
            return
        if known:
            name = "AdaRound" if self.settings.solver == "adaround" else "GPTQ"
            yield f"weights rounded by {name} in {_layers(len(known))}"
        missing = set(others).difference(known)
        if missing:
            yield f"weights rounded to nearest in {_layers(len(missing))} without second moments"
        inputs = [each for each in layer_inputs(model) if missing.intersection(each.nodes)]
        if len(affordable(inputs)) < len(inputs):
            size = sum(each.bytes for each in inputs) / 1e9
            yield f"second moments that would take {size:.1f} GB were left out"


def _layers(count: int) -> str:
    return f"{count} layer{'s' * (count > 1)}"


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
    weights = SharedWeights(model, plan, params)
    for weight in progress(weights, len(weights), "rounding weights"):
        known = [(grams or {}).get(layer.node) for layer in weight.readers]
        moment = None
        if settings.solver is not None:
            centred = settings.bias_correction and weight.takes_means
            moment = layer_moment(known, weight.rows.shape, centred=centred)
        rounded = round_shared(weight, weight.rows, moment, settings)
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
