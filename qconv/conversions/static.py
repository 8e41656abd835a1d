"""INT8 whose activations have ranges that calibration has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.steps.choose_ranges import ChooseRanges
from qconv.conversions.steps.equalize import Equalize
from qconv.conversions.steps.estimate_ranges import EstimateRanges
from qconv.conversions.steps.fit_plan import FitPlan
from qconv.conversions.steps.pack_four_bits import PackFourBits
from qconv.conversions.steps.quantize_at_run_time import QuantizeAtRunTime
from qconv.conversions.steps.rank_layers import RankLayers
from qconv.conversions.steps.round_in_sequence import RoundInSequence
from qconv.conversions.steps.round_weights import RoundWeights
from qconv.conversions.steps.smooth import Smooth
from qconv.conversions.steps.store_tables import StoreTables
from qconv.conversions.steps.store_weights import StoreWeights
from qconv.conversions.steps.write import NameScaled, UseOrtOperators, WriteQdq
from qconv.conversions.weights.shared_weights import WeightSettings
from qconv.conversions.work import Step, Topic, Work
from qconv.errors import UsageError
from qconv.graph.prepare import normalize
from qconv.graph.prepare.opset import raise_opset
from qconv.numerics.number_types import INT4, INT7, INT8
from qconv.placement.demands import Demands
from qconv.placement.given import (
    kept_by,
    layer_schemes,
    of_kind,
    require_origin,
    value_schemes,
)
from qconv.placement.kept import check_float_layers, float_layers, require_kept
from qconv.placement.place import place
from qconv.placement.plan import Decisions, Plan
from qconv.placement.requirements import require_integers
from qconv.placement.targets.table import Target
from qconv.recipe.settings import Activations, Int8Settings


@dataclass(frozen=True)
class StaticInt8:
    """The conversion; ``settings`` leave nothing to the target."""

    settings: Int8Settings
    target: Target
    needs_data: ClassVar[bool] = True

    def prepare(self, model: ir.Model, given: Decisions | None) -> ir.Model:
        """Return a prepared model at an opset whose Q and DQ take the activations."""
        plan = of_kind(given, Plan, self.target)
        asked = [] if plan is None else [value.scheme for value in plan.values.values()]
        schemes = [self.target.activations[self._activations], *asked]
        opset = max(scheme.dtype.opset for scheme in schemes)
        older = model.graph.opset_imports.get("", 1) < opset
        if self.target.has_ort_operators or not older:
            return model
        return normalize(raise_opset(model, opset))

    def place(
        self,
        model: ir.Model,
        given: Decisions | None,
        record: Record | None,  # noqa: ARG002
    ) -> Plan:
        """Return the Plan of a prepared model, as settings and a given Plan ask for it.

        Raises:
            UsageError: an operator is to stay float that is not there, or the given Plan asks
                for what cannot be.
        """
        usual = place(model, self.target, self._demands)
        patterns, asked = self.settings.float_patterns, self._demands
        plan = of_kind(given, Plan, self.target)
        if plan is not None:
            asked = self._changed(model, plan)
        wanted = asked.kept
        asked = replace(asked, kept=wanted | float_layers(usual, patterns))
        if asked == self._demands and not patterns:
            return usual
        placed = place(model, self.target, asked)
        check_float_layers(model, usual, placed, patterns)
        require_kept(model, placed, wanted)
        return placed

    def _changed(self, model: ir.Model, given: Plan) -> Demands:
        """Return what a given plan demands, as it was made and as it was changed.

        Raises:
            UsageError: it was made with other settings, or demands what cannot be.
        """
        made = given.demands
        if replace(self._demands, kept=made.kept) != made:
            raise UsageError(
                "the plan was made with other settings, or it is that of a result",
                hint="change a plan of qconv.plan(model, settings), made for the same settings",
            )
        origin = place(model, self.target, made)
        kept = made.kept | kept_by(given, origin)
        require_origin(given, origin)
        return replace(
            made,
            kept=kept,
            layer_schemes=layer_schemes(given, origin),
            value_schemes=value_schemes(given, origin),
        )

    def require(self, model: ir.Model, plan: Plan, label: str) -> None:
        """Refuse a plan after which nothing would run in integers.

        Raises:
            NothingQuantized: with the most frequent reasons.
        """
        require_integers(model, plan, label)

    def begin(self, work: Work[Plan]) -> None:
        """Go back to the Plan of which nothing is kept in float: what was learned belongs to it."""
        plan = work.plan
        work.kept = plan.demands.kept
        if work.kept:
            work.plan = place(work.model, self.target, replace(plan.demands, kept=frozenset()))
            patterns = self.settings.float_patterns
            remarks = check_float_layers(work.model, work.plan, plan, patterns)
            work.say(Topic.FLOAT, *remarks)
        note = self.target.notes.get(self._activations)
        if note is not None:
            work.say(Topic.ACTIVATIONS, note)

    def steps(self, plan: Plan) -> Sequence[Step[Plan]]:
        """Return the steps, in their order."""
        settings = _suited(self.settings)
        steps: list[Step[Plan]] = []
        if settings.float_count:
            method = "auto" if settings.method == "layers" else settings.method
            quick = replace(settings, effort="fast", algorithm="auto", method=method)
            rounding = [*self._rounding(quick), WriteQdq()]
            steps.append(RankLayers(settings.float_count, self._fitting(quick), rounding))
        steps += self._fitting(settings)
        steps += self._rounding(settings)
        steps.append(WriteQdq())
        if settings.format == "operator":
            steps.append(UseOrtOperators())
        steps += [
            QuantizeAtRunTime(bool(settings.portable)),
            StoreWeights(everywhere=False),
            StoreTables(settings.embeddings),
            NameScaled(),
        ]
        if any(layer.weight_scheme.dtype == INT4 for layer in plan.layers.values()):
            steps.append(PackFourBits())
        return steps

    def _fitting(self, settings: Int8Settings) -> list[Step[Plan]]:
        """Return the steps up to the float model that is rounded; they leave its outputs be."""
        return [
            Equalize(settings.equalize),
            FitPlan(settings.method, settings.percentile, settings.gates),
            Smooth(settings.smooth, bool(settings.portable)),
            ChooseRanges(settings.method, settings.gates),
        ]

    def _rounding(self, settings: Int8Settings) -> list[Step[Plan]]:
        how = WeightSettings(settings.bias_correction, bool(settings.portable), settings.solver)
        sequential = settings.sequential
        steps: list[Step[Plan]] = [
            EstimateRanges(settings.method),
            RoundWeights(how, settings.algorithm, settings.effort, in_sequence=sequential),
        ]
        return [*steps, RoundInSequence(how)] if sequential else steps

    @property
    def _activations(self) -> Activations:
        return self.settings.activations or self.target.activation

    @property
    def _demands(self) -> Demands:
        settings = self.settings
        weights = INT7 if settings.reduce_range else INT4 if settings.weights == "int4" else INT8
        return Demands(self._activations, weights, per_channel=settings.granularity != "tensor")


def _suited(settings: Int8Settings) -> Int8Settings:
    """Return the settings with what their type of activations makes needless left out.

    In 16 bits a range costs nothing, so that nothing is clipped or smoothed unless asked for;
    products are computed in float, so that they cannot saturate and have no operator of their own.
    """
    if settings.activations != "int16":
        return settings
    return replace(
        settings,
        method="minmax" if settings.method == "auto" else settings.method,
        smooth="off" if settings.smooth == "auto" else settings.smooth,
        portable=False,
        format="qdq",
    )
