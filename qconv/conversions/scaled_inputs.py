"""AWQ as a step: inputs of products are scaled in the model, and their statistics with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.activation_aware import search_input_scale
from qconv.algorithms.rounding import Rounding
from qconv.graph.edit import Editor
from qconv.graph.view import constant
from qconv.observers.gram import Gram
from qconv.placement.inputs import LayerInput
from qconv.placement.stored_weights import Role, WeightPlan
from qconv.rewrite.channels import multiply_inputs
from qconv.rewrite.divided_inputs import fold_division, foldable, insert_division


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


def _plans_by_node(weights: Sequence[WeightPlan]) -> dict[str, WeightPlan]:
    """Return the weights of products of the main graph, by the node that reads them."""
    return {
        reader.node: plan
        for plan in weights
        if plan.role is Role.PRODUCT and not plan.graph and plan.tied_to is None
        for reader in plan.readers
        if reader.index == 1 and len(plan.layout.shape) == 2
    }


def _rows(model: ir.Model, plan: WeightPlan) -> NDArray[np.float32]:
    array = constant(model.graph.initializers[plan.weight])
    if array is None:
        raise ValueError(f"{plan.weight} is not a constant")
    return np.ascontiguousarray(plan.layout.to_rows(array), np.float32)
