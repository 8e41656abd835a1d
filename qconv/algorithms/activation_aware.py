"""AWQ: scale the inputs of products so that weights of strong inputs are rounded more finely.

Lin et al., "AWQ: Activation-aware Weight Quantization", arXiv 2306.00978, equations 4 and 5:
``s = a ** alpha`` with the mean magnitude ``a [K]`` of each input, and alpha on a grid, to lower
``|Q(W diag(s)) diag(s) ** -1 X - W X|``. Second moments stand in for the data: ``a`` is the root
mean square, and the error is ``tr(D H D^T)``, so nothing is run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.rows import RowSettings, quantize_rows
from qconv.algorithms.rows.layer_error import layer_error
from qconv.algorithms.stored_weights import Rounding
from qconv.graph.edit import Editor
from qconv.graph.view import constant
from qconv.numerics.grids import QuantizedRows
from qconv.observers.gram import Gram
from qconv.placement.inputs import LayerInput
from qconv.placement.weights import Role, WeightPlan
from qconv.rewrite.channels import multiply_inputs
from qconv.rewrite.smoothing import (
    fold_division,
    foldable,
    insert_division,
)

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_STEPS = 20


@dataclass(frozen=True)
class ScaledInputs:
    """What became of the inputs of products.

    Attributes:
        grams: second moments of what layers read now, by node name.
        folded: inputs whose division went into constants that were there.
        multiplied: inputs that a Mul divides.
    """

    grams: Mapping[str, Gram]
    folded: int
    multiplied: int


def scale_by_activations(
    model: ir.Model,
    inputs: Sequence[LayerInput],
    weights: Sequence[WeightPlan],
    grams: Mapping[str, Gram],
    rounding: Rounding,
) -> ScaledInputs:
    """Scale the inputs of the products of a prepared model in place, where that helps.

    Args:
        model: the model; what it computes stays the same but for rounding.
        inputs: what its layers read.
        weights: the weights that will be quantized; layers with others stay as they are.
        grams: second moments of what layers read, by node name.
        rounding: how the weights will be quantized.
    """
    editor = Editor(model.graph)
    nodes = {str(node.name): node for node in model.graph}
    plans = _plans_by_node(weights)
    moments, folded, multiplied = dict(grams), 0, 0
    for layer_input in inputs:
        ours = [plans[name] for name in layer_input.nodes if name in plans and name in grams]
        if layer_input.windows is not None or len(ours) < len(layer_input.nodes):
            continue
        if any(len(plan.readers) > 1 for plan in ours):
            continue
        products = [nodes[name] for name in layer_input.nodes]
        gram, value = grams[layer_input.nodes[0]], products[0].inputs[0]
        settings = rounding.of_rows(layer_input.size, "rtn")
        rows = [_rows(model, plan) for plan in ours]
        scale = search_input_scale(rows, gram.second_moment()[0], settings)
        if scale is None or value is None:
            continue
        if foldable(value, products):
            fold_division(value, products, scale, editor)
            folded += 1
        else:
            insert_division(value, products, scale, editor)
            multiplied += 1
        for product in products:
            multiply_inputs(product, scale)
        moments |= dict.fromkeys(layer_input.nodes, gram.divided(scale))
    return ScaledInputs(moments, folded, multiplied)


def search_input_scale(
    rows: Sequence[Floats], moment: Doubles, settings: RowSettings
) -> Floats | None:
    """Return the scale ``[K]`` that lowers the error of all layers together, or None for 1.

    ``rows`` are the weights ``[R, K]`` of layers that read inputs with the second moment
    ``moment [K, K]``.
    """
    strength = np.sqrt(np.diagonal(moment))
    alive = strength > 0
    if not alive.any():
        return None
    strength = np.where(alive, strength, strength[alive].min())
    best: Floats | None = None
    least = _error(rows, np.ones(len(strength)), moment, settings)
    for alpha in np.arange(1, _STEPS) / _STEPS:
        scale = strength**alpha
        scale /= np.sqrt(scale.max() * scale.min())
        error = _error(rows, scale, moment, settings)
        if error < least:
            best, least = scale.astype(np.float32), error
    return best


def _error(rows: Sequence[Floats], scale: Doubles, moment: Doubles, settings: RowSettings) -> float:
    """Return ``sum tr(D H D^T)`` with ``D = Q(W diag(s)) diag(s) ** -1 - W``."""
    scaled_moment = (moment / np.outer(scale, scale))[None]
    total = 0.0
    for weight in rows:
        scaled = (weight * scale).astype(np.float32)
        found: QuantizedRows = quantize_rows(scaled, settings, None)
        total += layer_error(scaled, found, scaled_moment)
    return total


def _plans_by_node(weights: Sequence[WeightPlan]) -> dict[str, WeightPlan]:
    """Return the weights of products of the main graph, by the node that reads them."""
    return {
        reader.node: plan
        for plan in weights
        if plan.role is Role.PRODUCT and not plan.graph and plan.tied_to is None
        for reader in plan.readers
        if reader.index == 1 and len(plan.layout.shape) == 2
    }


def _rows(model: ir.Model, plan: WeightPlan) -> Floats:
    array = constant(model.graph.initializers[plan.weight])
    if array is None:
        raise ValueError(f"{plan.weight} is not a constant")
    return np.ascontiguousarray(plan.layout.to_rows(array), np.float32)
