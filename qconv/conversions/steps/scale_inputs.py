"""AWQ as a step: inputs of products are scaled in the model, and their statistics with them.

Lin et al., "AWQ: Activation-aware Weight Quantization", arXiv 2306.00978, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.activation_aware import search_input_scale
from qconv.algorithms.rounding import storing
from qconv.calibration.moments import moments_by_node
from qconv.conversions.steps.round_and_store import require_moments_for
from qconv.conversions.work import Needs, Topic, Work
from qconv.graph.edit import Editor
from qconv.graph.view import constant, name_of
from qconv.placement.inputs import affordable, layer_inputs
from qconv.placement.stored_weights import Role, WeightOnlyPlan, WeightPlan
from qconv.rewrite.channels import multiply_inputs
from qconv.rewrite.divided_inputs import fold_division, foldable, insert_division


class ScaleInputs:
    """Scale the inputs of products that are stored in few bits, where that lowers their error."""

    def needs(self, model: ir.Model, plan: WeightOnlyPlan) -> Needs:  # noqa: ARG002
        """Return the inputs of all layers, of which second moments are needed."""
        return Needs(depth="full", inputs=affordable(layer_inputs(model)))

    def apply(self, work: Work[WeightOnlyPlan]) -> None:
        """Change the model, which still computes the same, and its second moments.

        Raises:
            UsageError: there are no second moments.
        """
        model, moments = work.model, dict(work.grams)
        grams = moments_by_node(model, work.grams)
        require_moments_for("awq", has_grams=bool(grams))
        editor = Editor(model.graph)
        nodes = {str(node.name): node for node in model.graph}
        plans = _plans_by_node(work.plan.weights)
        folded = multiplied = 0
        for layer_input in layer_inputs(model):
            ours = [plans[name] for name in layer_input.nodes if name in plans and name in grams]
            if layer_input.windows is not None or len(ours) < len(layer_input.nodes):
                continue
            if any(len(plan.readers) > 1 for plan in ours):
                continue
            products = [nodes[name] for name in layer_input.nodes]
            gram, value = grams[layer_input.nodes[0]], products[0].inputs[0]
            scheme = ours[0].scheme
            how = storing(scheme.dtype, scheme.granularity, "rtn")
            rows = [_rows(model, plan) for plan in ours]
            settings = how.of_rows(layer_input.size, "rtn")
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
            read = products[0].inputs[0]
            if read is not None:
                moments[name_of(read)] = gram.divided(scale)
        work.grams = moments
        work.say(
            Topic.SCALING,
            f"inputs scaled by magnitude: {folded} at no cost, {multiplied} by an extra Mul",
        )


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
