"""What a conversion is made of: steps, what they need, and the work that they do it on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import onnx_ir as ir

from qconv.calibration.estimate import RangeSettings
from qconv.calibration.observe import Depth
from qconv.calibration.record import Record
from qconv.conversions.weights.weight_rounder import Known
from qconv.data import Source
from qconv.evaluation.judge import Judge
from qconv.numerics.schemes import QParams
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.inputs import LayerInput
from qconv.placement.plan import Decisions, ValuePlan
from qconv.progress import Progress, no_progress
from qconv.recipe.settings import Settings
from qconv.rewrite.qdq import QuantizedLayer

P = TypeVar("P", bound=Decisions)

SAMPLES_NEEDED = "`effort=best` and `method=layers` run the model again, so they need `data`"

_DEPTHS: tuple[Depth, ...] = ("ranges", "histogram", "full")


class Topic(Enum):
    """What a remark is about."""

    ACTIVATIONS = "the type of activations"
    BRANCHES = "branches that the data never took"
    DATA = "what the data show, or do not"
    FLOAT = "operators that stay in float"
    RANGES = "ranges of activations"
    ROUNDING = "how weights are rounded"
    RUN_TIME = "inputs that are quantized at run time"
    SCALING = "channels that were scaled, which leaves the float model as it is"
    SPEED = "how fast the file is"
    STORAGE = "how weights are stored"


@dataclass(frozen=True)
class Remark:
    """What is worth knowing about a result: a sentence, and what it is about."""

    topic: Topic
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Needs:
    """What has to be known of the data, or what is of use.

    Attributes:
        values: the activations to look at.
        depth: how closely.
        inputs: those of layers whose second moments are of use.
        required: whether there has to be a record, or data to make one of.
        samples: why a record is not enough, where the model is run again.
    """

    values: tuple[ValuePlan, ...] = ()
    depth: Depth = "ranges"
    inputs: tuple[LayerInput, ...] = ()
    required: bool = False
    samples: str = ""

    @staticmethod
    def united(parts: Iterable[Needs]) -> Needs:
        """Return what several steps need together."""
        needs = list(parts)
        values = {value.name: value for each in needs for value in each.values}
        inputs = {own.key: own for each in needs for own in each.inputs}
        return Needs(
            tuple(values.values()),
            max((each.depth for each in needs), key=_DEPTHS.index, default="ranges"),
            tuple(inputs.values()),
            required=any(each.required for each in needs),
            samples=next((each.samples for each in needs if each.samples), ""),
        )


@dataclass
class Work(Generic[P]):
    """A model on its way to another type.

    Attributes:
        model: the prepared model, which steps change.
        plan: what is decided for it.
        settings: those that it is made with; a step that chooses notes its choice here.
        record: what was learned of the float model.
        source: samples to run; None where there are none.
        judge: what compares variants with the float model, on the samples of the record.
        ranges: how ranges of activations are read from their statistics.
        label: what errors call the model.
        assumed: whether inputs of it were fixed to constants.
        batch_size: samples per inference.
        progress: shown over what takes long.
        statistics: of the values of the model as it is now, by name.
        grams: second moments of what its layers read, by key.
        kept: operators that are to stay float, which the plan may not know yet.
        params: scale and zero point of each value that gives its own, by name.
        layers: what layers of integers compute with, by name.
        stored: weights that were rounded on their own numbers alone, where copies of this work are
            to share them.
        scaled: values that are others than those of the float model, by the steps' doing.
        changed: whether the user has changed its plan.
        note: in a few words, how the result was made.
        remarks: the log.
    """

    model: ir.Model
    plan: P
    settings: Settings
    record: Record | None = None
    source: Source | None = None
    judge: Judge | None = None
    ranges: RangeSettings = RangeSettings("clip", 0.0)  # noqa: RUF009 - it is frozen
    label: str = "the model"
    assumed: bool = False
    batch_size: int = 1
    progress: Progress = no_progress
    statistics: Mapping[str, ValueStatistics] = field(default_factory=dict)
    grams: Mapping[str, Gram] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    params: dict[str, QParams] = field(default_factory=dict)
    layers: dict[str, QuantizedLayer] = field(default_factory=dict)
    stored: Known | None = None
    scaled: tuple[str, ...] = ()
    changed: bool = False
    note: str = ""
    remarks: list[Remark] = field(default_factory=list)

    def learn(self, record: Record) -> None:
        """Take in what is known of the float model."""
        self.record, self.statistics, self.grams = record, record.statistics, record.grams

    @property
    def samples(self) -> Source:
        """The samples to run, where a step has said that it needs them."""
        if self.source is None:
            raise ValueError("there are no samples: no step has said that it needs them")
        return self.source

    def say(self, topic: Topic, *texts: str) -> None:
        """Add remarks to the log."""
        self.remarks += [Remark(topic, text) for text in texts]


class Step(Protocol[P]):
    """One part of a conversion."""

    def needs(self, model: ir.Model, plan: P) -> Needs:
        """Return what has to be known of the data for it."""

    def apply(self, work: Work[P]) -> None:
        """Do it."""


class Plain:
    """A kind of conversion that takes a prepared model as it is, without data, and any plan."""

    needs_data: ClassVar[bool] = False

    def prepare(self, model: ir.Model, given: Decisions | None) -> ir.Model:  # noqa: ARG002
        """Return the model."""
        return model

    def require(self, model: ir.Model, plan: Decisions, label: str) -> None:
        """Refuse nothing: what is worth writing is seen when it is made."""

    def begin(self, work: Work[Any]) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Knowing:
    """A step that needs nothing but what others have left."""

    def needs(self, model: ir.Model, plan: Decisions) -> Needs:  # noqa: ARG002
        """Return nothing."""
        return Needs()
