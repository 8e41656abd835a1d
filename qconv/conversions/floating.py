"""FP16, BF16 and FP32: another floating-point type for a whole model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.work import Knowing, Needs, Plain, Step, Topic, Work
from qconv.errors import NothingQuantized, UsageError
from qconv.graph.operators.table import casts
from qconv.graph.prepare import normalize
from qconv.graph.prepare.opset import raise_opset
from qconv.placement.given import kept_by, of_kind
from qconv.placement.observed import all_values
from qconv.placement.place import place
from qconv.placement.plan import Decisions, NodePlan, PrecisionPlan
from qconv.placement.precision import place_float32, place_precision
from qconv.placement.targets.table import Target
from qconv.recipe.settings import Float32Settings, HalfSettings
from qconv.rewrite.float_types import store_bfloat16, to_float32, to_half

_BFLOAT16_OPSET = 22
"""From this opset on Conv, pooling and the recurrent operators take bfloat16."""

UNSEEN = (
    "not checked on data: values beyond 65,504 become infinite; `data`, or a `calibration` record "
    "made with `values=all`, keeps such values in float32"
)
"""What to say of a model in float16 whose values are not known."""


@dataclass(frozen=True)
class Half(Plain):
    """FP16 or BF16."""

    settings: HalfSettings
    target: Target

    def prepare(self, model: ir.Model, given: Decisions | None) -> ir.Model:  # noqa: ARG002
        """Return a prepared model at an opset whose operators take the type."""
        if self.settings.storage_only or self.settings.dtype == "fp16":
            return model
        return normalize(raise_opset(model, _BFLOAT16_OPSET))

    def place(
        self, model: ir.Model, given: Decisions | None, record: Record | None
    ) -> PrecisionPlan:
        """Return which operators compute in the type, as far as a record tells.

        Raises:
            UsageError: a pattern matches nothing, or the given plan asks for what cannot be.
        """
        plan = of_kind(given, PrecisionPlan, self.target)
        if plan is not None and plan.dtype is not self._dtype:
            raise UsageError(f"the plan is for {plan.dtype.name}, not for {self._dtype.name}")
        if self.settings.storage_only:
            return _storage(model, self.target)
        usual = self.placed(model, record, frozenset())
        kept = kept_by(plan, usual)
        return self.placed(model, record, kept) if kept else usual

    @property
    def _dtype(self) -> ir.DataType:
        return ir.DataType.FLOAT16 if self.settings.dtype == "fp16" else ir.DataType.BFLOAT16

    def steps(self, plan: PrecisionPlan) -> Sequence[Step[PrecisionPlan]]:  # noqa: ARG002
        """Return the steps, in their order."""
        if self.settings.storage_only:
            return [_StoreBfloat16()]
        return [_FitPrecision(self), _WriteHalf(keep_ports=self.settings.io == "fp32")]

    def placed(self, model: ir.Model, record: Record | None, kept: frozenset[str]) -> PrecisionPlan:
        """Return the plan with what is known of values, and with operators that stay float32."""
        settings, ranges = self.settings, None
        if record is not None:
            ranges = {name: seen.range for name, seen in record.statistics.items()}
        return place_precision(
            *(model, self.target, self._dtype, ranges),
            float_layers=list(map(str, settings.float_layers)),
            kept=kept,
            keep_ports=settings.io == "fp32",
        )


@dataclass(frozen=True)
class _FitPrecision:
    """Keep in float32 what the data show to be beyond the type, and only that."""

    kind: Half

    def needs(self, model: ir.Model, plan: PrecisionPlan) -> Needs:
        """Return every value, of which the ranges are of use."""
        return Needs(all_values(model, place(model, plan.target)))

    def apply(self, work: Work[PrecisionPlan]) -> None:
        """Place the model again where there are statistics.

        Raises:
            NothingQuantized: every operator keeps float32.
        """
        if work.record is not None and not work.plan.seen:
            work.plan = self.kind.placed(work.model, work.record, work.plan.kept)
        elif work.record is None and self.kind.settings.dtype == "fp16":
            work.say(Topic.DATA, UNSEEN)
        if not work.plan.quantized:
            raise NothingQuantized(
                f"{work.label}: no operator can compute in {self.kind.settings.dtype}",
                hint="convert a float64 model to float32 first, with `dtype=fp32`; qconv inspect "
                "shows the types in a model",
            )


@dataclass(frozen=True)
class _WriteHalf(Knowing):
    keep_ports: bool

    def apply(self, work: Work[PrecisionPlan]) -> None:
        """Change the model."""
        count = to_half(work.model, work.plan, keep_ports=self.keep_ports)
        work.note = f"{count} Casts added"


class _StoreBfloat16(Knowing):
    def apply(self, work: Work[PrecisionPlan]) -> None:
        """Change the model.

        Raises:
            NothingQuantized: no weight is in float32, or large enough.
        """
        count = store_bfloat16(work.model)
        if not count:
            raise NothingQuantized(f"{work.label}: it has no float32 weights to store in bf16")
        work.note = f"{count} weights stored in bfloat16"


def _storage(model: ir.Model, target: Target) -> PrecisionPlan:
    reason = "only weights are stored in bfloat16"
    nodes = {
        str(node.name): NodePlan(str(node.name), node.op_type, False, reason)
        for node in model.graph
        if not casts(node)
    }
    return PrecisionPlan(nodes, target, ir.DataType.BFLOAT16)


@dataclass(frozen=True)
class Float32(Plain):
    """A model of float64, float16 or bfloat16 in float32."""

    settings: Float32Settings
    target: Target

    def place(
        self,
        model: ir.Model,
        given: Decisions | None,
        record: Record | None,  # noqa: ARG002
    ) -> PrecisionPlan:
        """Return which operators become float32.

        Raises:
            UsageError: the given plan asks for what cannot be.
        """
        usual = place_float32(model, self.target)
        kept = kept_by(of_kind(given, PrecisionPlan, self.target), usual)
        return replace(usual.in_float(*kept), kept=kept) if kept else usual

    def begin(self, work: Work[PrecisionPlan]) -> None:
        """Refuse a model that holds nothing else; with inputs assumed it is worth writing too.

        Raises:
            NothingQuantized: the model holds float32 only.
        """
        if not work.plan.quantized and not work.assumed:
            raise NothingQuantized(f"{work.label}: it holds no float64, float16 or bfloat16")

    def steps(self, plan: PrecisionPlan) -> Sequence[Step[PrecisionPlan]]:  # noqa: ARG002
        """Return the one step."""
        return [_WriteFloat32()]


class _WriteFloat32(Knowing):
    def apply(self, work: Work[PrecisionPlan]) -> None:
        """Change the model."""
        work.note = f"{to_float32(work.model, work.plan)} Casts added"
