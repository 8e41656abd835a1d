"""The beginning of a conversion: a model, its plan, and what is known of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from qconv.calibration.belonging import require_channels, require_feeds, require_moments
from qconv.calibration.record import Record
from qconv.conversions.kinds import Kind, kind_of
from qconv.conversions.work import Needs, Step, Work
from qconv.data.loops import OpenData
from qconv.errors import UsageError
from qconv.evaluation.judge import JUDGED, Judge
from qconv.graph.model_io import LoadedModel, load_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import input_specs
from qconv.pipeline.arguments import Assume, given_record, samples_for, written
from qconv.pipeline.calibration import collect_record
from qconv.pipeline.placing import placed
from qconv.placement.plan import Decisions, Plan
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.progress import Progress
from qconv.recipe.settings import DynamicSettings, Effort, Int8Settings


@dataclass(frozen=True)
class Started:
    """A conversion of which no step is done yet."""

    kind: Kind
    loaded: LoadedModel
    work: Work[Any]
    steps: Sequence[Step[Any]]


def start(
    model: Path,
    kind: Kind,
    calibration: Record | str | Path | None,
    *,
    data: OpenData | None,
    plan: Decisions | None,
    assume: Assume | None,
    batch_size: int,
    progress: Progress,
) -> Started:
    """Load a model, place it, and learn of the data what the steps need.

    Raises:
        ModelError, RecordError, DataError, UsageError, UnsupportedError, NothingQuantized: see
            :func:`qconv.pipeline.conversion.convert`.
    """
    quantized = not isinstance(kind.settings, Int8Settings | DynamicSettings)
    loaded = load_model(model, quantized=quantized, assume=written(assume))
    record = given_record(calibration, loaded)
    prepared = prepare(loaded.ir)
    if record is not None:
        require_moments(record, prepared)
    work = _begun(kind, loaded, prepared, plan, record)
    work.batch_size, work.progress = batch_size, progress
    steps = kind.steps(work.plan)
    kind.begin(work)
    if record is not None:
        work.learn(record)
    judged = prepared.clone()
    if data is not None or kind.needs_data:
        needs = Needs.united(step.needs(prepared, work.plan) for step in steps)
        _learn(work, needs, loaded, prepared, data)
    if work.record is not None and work.record.feeds:
        require_feeds(work.record, judged)
        work.judge = Judge(judged, list(work.record.feeds.values())[:JUDGED])
    return Started(kind, loaded, work, steps)


def start_search(
    model: Path, data: OpenData, effort: Effort, assume: Assume | None, progress: Progress
) -> Started:
    """Begin a conversion to static INT8 for ONNX Runtime, whose layers are to be searched.

    ``best`` begins as ``balanced``: rounding in sequence is for plans that are chosen.

    Raises:
        ModelError, DataError, UsageError, UnsupportedError, NothingQuantized: see :func:`start`.
    """
    kind = kind_of(Int8Settings(effort="balanced" if effort == "best" else effort), ORT_CPU)
    return start(
        *(model, kind, None),
        data=data,
        plan=None,
        assume=assume,
        batch_size=1,
        progress=progress,
    )


def _begun(
    kind: Kind,
    loaded: LoadedModel,
    prepared: ir.Model,
    given: Decisions | None,
    record: Record | None,
) -> Work[Any]:
    """Return the work on a prepared model, of which nothing is done but its plan."""
    label = str(loaded.path)
    found = placed(kind, prepared, label, given, record)
    kind.require(found.model, found.plan, label)
    return Work(
        *(found.model, found.plan, kind.settings),
        label=label,
        assumed=bool(loaded.assumed),
        changed=given is not None and given != found.plan,
    )


def _learn(
    work: Work[Any],
    needs: Needs,
    loaded: LoadedModel,
    prepared: ir.Model,
    data: OpenData | None,
) -> None:
    """Open the samples where the steps use them, and make the record that they need.

    Raises:
        UsageError: there is neither a record nor data, and a step needs them.
        RecordError: the record is not one of this model.
    """
    if work.record is not None and isinstance(work.plan, Plan):
        require_channels(work.record, prepared, work.plan)
    if needs.samples and data is None:
        raise UsageError(needs.samples)
    collects = work.record is None and bool(needs.values or needs.inputs)
    if data is None:
        if collects and needs.required:
            raise UsageError("INT8 needs a calibration record or data to calibrate on")
        return
    if not (collects or needs.samples):
        return
    work.source = samples_for(loaded, data, input_specs(prepared), work.batch_size)
    if collects:
        record = collect_record(
            *(loaded, prepared, work.plan.target.name, needs, work.source),
            batch_size=work.batch_size,
            progress=work.progress,
        )
        work.learn(record)
