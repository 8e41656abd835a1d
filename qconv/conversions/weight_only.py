"""Weights of eight bits and fewer, activations in float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.steps.round_and_store import RoundAndStore
from qconv.conversions.steps.scale_inputs import ScaleInputs
from qconv.conversions.steps.store_tables import TABLE_BLOCK, table_type
from qconv.conversions.work import Step, Work
from qconv.errors import NothingQuantized, UsageError
from qconv.graph.prepare import normalize
from qconv.graph.prepare.opset import raise_opset
from qconv.numerics.number_types import NumberType
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock, PerTensor, Scheme
from qconv.numerics.stored import STORED_TYPES
from qconv.placement.given import kept_by, of_kind, stored_schemes
from qconv.placement.plan import Decisions
from qconv.placement.stored_weights import Role, WeightOnlyPlan, place_weights, without
from qconv.placement.targets.table import Target
from qconv.recipe.settings import WITHOUT_ADAROUND, WeightOnlySettings

_BLOCK, _SMALL_BLOCK = 128, 64
"""Inputs that share a scale where nothing else is asked for: from four bits on, and of fewer."""


@dataclass(frozen=True)
class WeightOnly:
    """The conversion; ``settings`` leave nothing to the target."""

    settings: WeightOnlySettings
    target: Target

    @property
    def needs_data(self) -> bool:
        """Whether what layers read is measured again and again."""
        return self.settings.sequential

    def prepare(self, model: ir.Model, given: Decisions | None) -> ir.Model:
        """Return a prepared model at an opset whose DequantizeLinear takes every type and block."""
        if self.settings.format == "operator":
            return model
        plan = of_kind(given, WeightOnlyPlan, self.target)
        asked = () if plan is None else [weight.scheme for weight in plan.weights]
        opset = max(scheme.first_opset for scheme in (*self._schemes.values(), *asked))
        if not opset:
            return model
        older = opset > model.graph.opset_imports.get("", 1)
        model = raise_opset(model, opset)
        return normalize(model) if older else model

    def place(
        self,
        model: ir.Model,
        given: Decisions | None,
        record: Record | None,  # noqa: ARG002
    ) -> WeightOnlyPlan:
        """Return which weights are stored, and how, as settings and a given plan ask for it.

        Raises:
            UsageError: the given plan asks for what cannot be.
        """
        plan = place_weights(model, self.target, self._schemes)
        asked = of_kind(given, WeightOnlyPlan, self.target)
        if asked is None or asked == plan:
            return plan
        kept, others = kept_by(asked, plan), stored_schemes(asked, plan)
        for name, scheme in others.items():
            if self.settings.algorithm == "adaround" and scheme.dtype.name in WITHOUT_ADAROUND:
                raise UsageError(
                    f"the weight '{name}' is {scheme.dtype.name} in the plan, which "
                    "`algorithm=adaround` cannot round to"
                )
        return without(place_weights(model, self.target, self._schemes, others), kept)

    def require(self, model: ir.Model, plan: WeightOnlyPlan, label: str) -> None:  # noqa: ARG002
        """Refuse a plan by which no weight is stored.

        Raises:
            NothingQuantized: with some of the reasons.
        """
        if not plan.weights:
            reasons = {f"{node.op_type}: {node.reason}" for node in plan.kept_float}
            raise NothingQuantized(
                f"{label}: it has no weights to store in {self.settings.dtype}"
                + "".join(f"; {reason}" for reason in sorted(reasons)[:3])
            )

    def begin(self, work: Work[WeightOnlyPlan]) -> None:
        """Say what the result is."""
        work.note = f"{self.settings.dtype} weights"

    def steps(self, plan: WeightOnlyPlan) -> Sequence[Step[WeightOnlyPlan]]:  # noqa: ARG002
        """Return the steps, in their order."""
        settings = self.settings
        scale = [ScaleInputs()] if settings.algorithm == "awq" else []
        one_bit = STORED_TYPES[settings.dtype].bits == 1
        nearest = settings.algorithm == "auto" and one_bit
        store = RoundAndStore(
            *("rtn" if nearest else settings.algorithm, settings.format == "operator"),
            bias_correction=settings.bias_correction,
            in_sequence=settings.sequential,
        )
        return [*scale, store]

    @cached_property
    def _schemes(self) -> dict[Role, Scheme]:
        """How the weights of each role are stored."""
        dtype = STORED_TYPES[self.settings.dtype]
        table = table_type(self.settings.embeddings, dtype.bits)
        schemes = {role: _scheme(dtype, self._granularity(dtype)) for role in Role}
        del schemes[Role.TABLE]
        if table is not None:
            shares = self._granularity(table)
            if isinstance(shares, PerBlock):
                shares = PerBlock(min(shares.size, TABLE_BLOCK.size))
            schemes[Role.TABLE] = _scheme(table, shares)
        return schemes

    def _granularity(self, dtype: NumberType) -> Granularity:
        small = "block" if dtype.bits < 8 else "channel"
        asked, size = self.settings.granularity, self.settings.block_size
        chosen = small if asked == "auto" else asked
        usual = _BLOCK if dtype.bits >= 4 else _SMALL_BLOCK
        if chosen == "block":
            return PerBlock(usual if size == "auto" else size)
        return PerTensor() if chosen == "tensor" else PerAxis(0)


def _scheme(dtype: NumberType, granularity: Granularity) -> Scheme:
    return Scheme(dtype, symmetric=dtype.signed, granularity=granularity)
