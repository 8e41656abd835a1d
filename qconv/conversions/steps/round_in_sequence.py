"""Round layers one after another, each on what the quantized layers before it give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.asymmetric import compensated
from qconv.algorithms.bias_correction import measured_shift
from qconv.algorithms.input_moment import layer_moment
from qconv.calibration.paired import PairedVectors, SideBySide
from qconv.conversions.weights.shared_weights import (
    SharedWeight,
    SharedWeights,
    WeightSettings,
    round_shared,
)
from qconv.conversions.work import SAMPLES_NEEDED, Needs, Work
from qconv.data import Source
from qconv.free_memory import free_memory
from qconv.numerics.schemes import QParams
from qconv.numerics.stored import StoredWeight
from qconv.observers.paired_moments import PairedMoments
from qconv.observers.statistic import joined
from qconv.placement.inputs import LayerInput, affordable, layer_inputs
from qconv.placement.plan import LayerPlan, Plan
from qconv.progress import Progress
from qconv.rewrite.qdq import QdqRewriter, QuantizedLayer

_UNBOUNDED = (-float("inf"), float("inf"))
_MOST_HELD, _SHARE = 1.5e8, 0.25
"""Bytes of values that are held between layers, and the share of the free memory at most."""


def sequential_inputs(model: ir.Model, plan: Plan) -> dict[str, LayerInput]:
    """Return the inputs of the layers that are measured in the quantized model, by layer.

    Those in bodies of If, Loop and Scan cannot be, nor those with too many inputs for second
    moments, nor what shares a weight with one.
    """
    main = {str(node.name) for node in model.graph}
    found = {
        node: layer_input
        for layer_input in layer_inputs(model)
        if affordable((layer_input,))
        for node in layer_input.nodes
        if node in plan.layers and node in main
    }
    others = {layer.weight for name, layer in plan.layers.items() if name not in found}
    return {name: own for name, own in found.items() if plan.layers[name].weight not in others}


@dataclass(frozen=True)
class RoundInSequence:
    """Round layers again, each on what the quantized layers before it give."""

    settings: WeightSettings

    def needs(self, model: ir.Model, plan: Plan) -> Needs:  # noqa: ARG002
        """Return that the model is run again."""
        return Needs(samples=SAMPLES_NEEDED)

    def apply(self, work: Work[Plan]) -> None:
        """Put other numbers in the place of those that the layers have.

        Raises:
            ModelError: a weight holds NaN or Inf.
        """
        work.layers = round_in_sequence(
            *(work.model, work.plan, work.params, work.layers),
            settings=self.settings,
            source=work.samples,
            progress=work.progress,
        )


def round_in_sequence(
    model: ir.Model,
    plan: Plan,
    params: Mapping[str, QParams],
    layers: Mapping[str, QuantizedLayer],
    *,
    settings: WeightSettings,
    source: Source,
    progress: Progress,
) -> dict[str, QuantizedLayer]:
    """Return other numbers for the layers, by name; ``layers`` are those to start from.

    Each weight makes up for the change of its input, and each bias for what is left of that.
    """
    found = dict(layers)
    inputs = sequential_inputs(model, plan)
    trial = model.clone()
    rewriter = QdqRewriter(trial, plan, params)
    for name, given in layers.items():
        rewriter.write(name, given)
    models = SideBySide(model, trial, source, _room())
    order = [str(node.name) for node in model.graph if str(node.name) in inputs]
    weights = SharedWeights(model, plan, params)
    for weight in progress(weights, len(weights), "rounding in sequence"):
        if any(layer.node not in inputs for layer in weight.readers):
            continue
        pairs = {
            layer.node: models.look(
                layer.node, inputs[layer.node], weight.layout.rows, unfinished=order[0]
            )
            for layer in weight.readers
        }
        rounded = _rounded(weight, settings, [p.moments for p in pairs.values()])
        for layer in weight.readers:
            old = found[layer.node]
            bias = None
            if settings.bias_correction:
                bias = _bias(weight, layer, plan, rounded, pairs.pop(layer.node))
            found[layer.node] = QuantizedLayer(rounded, old.bias if bias is None else bias)
            rewriter.write(layer.node, found[layer.node])
            order.remove(layer.node)
    return found


def _room() -> float:
    free = free_memory()
    return _MOST_HELD if free is None else min(_MOST_HELD, _SHARE * free)


def _rounded(
    weight: SharedWeight,
    settings: WeightSettings,
    moments: Sequence[PairedMoments],
) -> StoredWeight:
    rows, moment = weight.rows, None
    centred = settings.bias_correction and weight.takes_means
    if settings.solver is not None:
        moment = layer_moment([each.own for each in moments], rows.shape, centred=centred)
    if moment is not None:
        pairs = joined(moments)
        rows = compensated(rows, moment, pairs.drift(centred=centred), pairs.own.count)
    return round_shared(weight, rows, moment, settings)


def _bias(
    weight: SharedWeight,
    layer: LayerPlan,
    plan: Plan,
    rounded: StoredWeight,
    pairs: PairedVectors,
) -> NDArray[np.float32] | None:
    """Return the bias of one reader of a rounded weight; None leaves it as it was."""
    means = pairs.moments.own.means()
    if layer.bias_node is None or not pairs.exact:
        return None
    exact = _by_group(weight.rows, len(means))
    quantized = _by_group(weight.layout.to_rows(rounded.exact()), len(means))
    old = weight.biases[layer.node]
    bias = np.zeros(len(weight.rows)) if old is None else old
    nearest = bias - np.einsum("gok,gk->go", quantized - exact, means).reshape(-1)
    bounds = _UNBOUNDED if layer.output is None else plan.values[layer.output].bounds
    read, other = pairs.exact, pairs.quantized
    if bounds == _UNBOUNDED:  # the mean of what a layer gives is what it gives for the mean
        read, other = ([own.mean(1, keepdims=True) for own in side] for side in (read, other))
    shift = measured_shift(
        [_outputs(vectors, exact, bias) for vectors in read],
        [_outputs(vectors, quantized, nearest) for vectors in other],
        bounds,
    )
    corrected: NDArray[np.float32] = (nearest + shift).astype(np.float32)
    return corrected


def _by_group(rows: NDArray[np.floating], groups: int) -> NDArray[np.float64]:
    return rows.reshape(groups, -1, rows.shape[1]).astype(np.float64)


def _outputs(
    vectors: NDArray[np.float32], rows: NDArray[np.float64], bias: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return ``[P, O]`` of vectors ``[G, P, K]``, rows ``[G, O / G, K]`` and a bias ``[O]``."""
    outputs = np.matmul(vectors, rows.swapaxes(1, 2).astype(np.float32))
    flat = outputs.transpose(1, 0, 2).reshape(vectors.shape[1], -1)
    result: NDArray[np.float32] = flat + bias.astype(np.float32)
    return result
