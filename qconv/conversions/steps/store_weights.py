"""Store float weights of layers in INT8 that compute in float."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from qconv.conversions.weights.weight_rounder import WeightRounder
from qconv.conversions.work import Knowing, P, Topic, Work
from qconv.placement.dynamic_layers import place_stored
from qconv.rewrite.weights.rewriter import rewrite_weights, stored_format


@dataclass(frozen=True)
class StoreWeights(Knowing):
    """Store what is left of float weights of layers in INT8.

    ``everywhere`` takes them all; else it is those of recurrent layers and in bodies. The runtime
    makes floats of them when it loads the model, so that only the file is smaller.
    """

    everywhere: bool

    def apply(self, work: Work[P]) -> None:
        """Change the model, and say in the plan what became of these layers.

        Raises:
            ModelError: a weight holds NaN or Inf.
        """
        plan, model = work.plan, work.model
        stored = place_stored(model, plan, everywhere=self.everywhere)
        rounder = WeightRounder(model, lambda _: "mse", known=work.stored)
        for weight in stored.weights:
            rounder.round(weight, {}, {})
        rewrite_weights(model, stored, rounder.weights, stored_format(plan.target))
        work.plan = replace(plan, nodes={**plan.nodes, **stored.nodes})
        if stored.weights:
            counts = Counter(reader.op_type for each in stored.weights for reader in each.readers)
            listed = ", ".join(f"{count} {op}" for op, count in counts.items())
            text = f"weights of {listed} stored in int8, unpacked when the model is loaded"
            work.say(Topic.STORAGE, text)
