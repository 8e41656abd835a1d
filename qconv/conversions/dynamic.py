"""INT8 without data: inputs of products and LSTM are quantized at run time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.steps.quantize_at_run_time import QuantizeAtRunTime
from qconv.conversions.steps.store_tables import StoreTables
from qconv.conversions.steps.store_weights import StoreWeights
from qconv.conversions.work import Knowing, Plain, Step, Work
from qconv.errors import NothingQuantized
from qconv.placement.dynamic_layers import place_dynamic
from qconv.placement.given import kept_by, of_kind
from qconv.placement.plan import Decisions, DynamicPlan
from qconv.placement.targets.table import Target
from qconv.recipe.settings import DynamicSettings


@dataclass(frozen=True)
class DynamicInt8(Plain):
    """The conversion; ``settings`` leave nothing to the target."""

    settings: DynamicSettings
    target: Target

    def place(
        self,
        model: ir.Model,
        given: Decisions | None,
        record: Record | None,  # noqa: ARG002
    ) -> DynamicPlan:
        """Return the plan of a prepared model, as a given one asks for it.

        Raises:
            UsageError: the given plan asks for what cannot be.
        """
        usual = place_dynamic(model, self.target)
        kept = kept_by(of_kind(given, DynamicPlan, self.target), usual)
        return place_dynamic(model, self.target, kept) if kept else usual

    def begin(self, work: Work[DynamicPlan]) -> None:
        """Say what the result is."""
        work.note = "inputs quantized at run time"

    def steps(self, plan: DynamicPlan) -> Sequence[Step[DynamicPlan]]:  # noqa: ARG002
        """Return the steps, in their order."""
        return [
            QuantizeAtRunTime(bool(self.settings.portable)),
            StoreWeights(everywhere=True),
            StoreTables(self.settings.embeddings),
            _RequireSomething(),
        ]


class _RequireSomething(Knowing):
    """Refuse to write a model of which nothing became smaller."""

    def apply(self, work: Work[DynamicPlan]) -> None:
        """Look at what was done.

        Raises:
            NothingQuantized: no operator has weights that could be integers.
        """
        if work.plan.dynamic or work.remarks:
            return
        reasons = Counter(f"{node.op_type}: {node.reason}" for node in work.plan.kept_float)
        raise NothingQuantized(
            f"{work.label}: no operator has weights that can be quantized"
            + "".join(f"; {count} x {text}" for text, count in reasons.most_common(3))
        )
