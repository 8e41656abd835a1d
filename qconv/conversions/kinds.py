"""The kinds of conversions, and which one settings ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.dynamic import DynamicInt8
from qconv.conversions.floating import Float32, Half
from qconv.conversions.static import StaticInt8
from qconv.conversions.weight_only import WeightOnly
from qconv.conversions.work import Step, Work
from qconv.errors import UsageError
from qconv.placement.plan import Decisions
from qconv.placement.targets.table import Target
from qconv.recipe.settings import (
    DynamicSettings,
    HalfSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
)

Saturating = TypeVar("Saturating", Int8Settings, DynamicSettings)
Formatted = TypeVar("Formatted", Int8Settings, WeightOnlySettings)


class Kind(Protocol):
    """One kind of conversion, with its settings, for a target."""

    @property
    def settings(self) -> Settings:
        """What was chosen, with the target's choice where nothing was."""

    @property
    def target(self) -> Target:
        """The runtime that the file is for."""

    @property
    def needs_data(self) -> bool:
        """Whether it may not do without having seen data."""

    def prepare(self, model: ir.Model, given: Decisions | None) -> ir.Model:
        """Return a prepared model at the opset that it takes; ``given`` is a plan to obey."""

    def place(self, model: ir.Model, given: Decisions | None, record: Record | None) -> Any:
        """Return the plan of such a model, with what a record tells where the kind can use it."""

    def require(self, model: ir.Model, plan: Any, label: str) -> None:
        """Refuse a plan that converts nothing."""

    def begin(self, work: Work[Any]) -> None:
        """Make the work ready for the first step."""

    def steps(self, plan: Any) -> Sequence[Step[Any]]:
        """Return the steps, in their order."""


def kind_of(settings: Settings, target: Target) -> Kind:
    """Return the conversion that settings ask for.

    Raises:
        UsageError: the target cannot do what is asked for.
    """
    if isinstance(settings, Int8Settings):
        activations = settings.activations or target.activation
        if activations not in target.activations:
            raise UsageError(
                f"`activations={activations}` is not for the target {target.name}, which takes "
                f"{' or '.join(target.activations)}"
            )
        known = replace(_portable(settings, target), activations=activations)
        return StaticInt8(_formatted(known, target), target)
    if isinstance(settings, DynamicSettings):
        if not target.run_time:
            raise UsageError(
                f"`mode=dynamic` is not for the target {target.name}, which has no kernels that "
                "quantize their inputs at run time"
            )
        return DynamicInt8(_portable(settings, target), target)
    if isinstance(settings, WeightOnlySettings):
        return WeightOnly(_formatted(settings, target), target)
    if isinstance(settings, HalfSettings):
        if settings.storage_only and target.inline_constants:
            raise UsageError(
                f"`storage_only` is not for the target {target.name}, which does not fold constants"
            )
        return Half(settings, target)
    return Float32(settings, target)


def _portable(settings: Saturating, target: Target) -> Saturating:
    portable = target.portable if settings.portable is None else settings.portable
    return replace(settings, portable=portable)


def _formatted(settings: Formatted, target: Target) -> Formatted:
    if settings.format == "operator" and not target.has_ort_operators:
        raise UsageError(
            f"`format=operator` is not for the target {target.name}: it writes operators that only "
            "ONNX Runtime has"
        )
    if settings.format is not None:
        return settings
    return replace(settings, format="operator" if target.has_ort_operators else "qdq")
