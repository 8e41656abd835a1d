"""What a model holds, and what would become of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qconv.calibration.record import Record
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import ModelSummary, summarize
from qconv.observers.outliers import Outliers, find_outliers
from qconv.pipeline.inputs import Assume, given_record, written
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.placement.place import place
from qconv.placement.plan import Plan
from qconv.placement.stored_tables import place_tables, with_tables
from qconv.placement.targets import ORT_CPU, find_target


@dataclass(frozen=True)
class Inspection:
    """What a model is, and what its Plan for a target says."""

    model: ModelSummary
    plan: Plan
    outliers: tuple[Outliers, ...] = ()


@told_by_runtime("model")
def inspect(
    model: str | Path,
    *,
    calibration: Record | str | Path | None = None,
    assume: Assume | None = None,
    target: str = ORT_CPU.name,
) -> Inspection:
    """Return what a model holds, and for each operator whether it would be quantized, or why not.

    ``assume`` fixes inputs to constants, see :func:`calibrate`. ``calibration``, a record or the
    path of one, tells which channels of what products read are far larger than the others.

    Raises:
        ModelError: the file is missing, broken or already quantized.
        UnsupportedError: its opset cannot be handled.
        UsageError: there is no such target, or an assumption does not fit the model.
        RecordError: the record is broken, or of another model.
    """
    loaded = load_model(Path(model), assume=written(assume))
    summary = summarize(loaded.ir)
    prepared = prepare(loaded.ir)
    plan = place(prepared, find_target(target))
    record = given_record(calibration, loaded)
    outliers = () if record is None else tuple(_outliers(plan, record))
    return Inspection(summary, with_tables(plan, place_tables(prepared, 8), "int8"), outliers)


def _outliers(plan: Plan, record: Record) -> Iterator[Outliers]:
    for name, value in plan.values.items():
        known = value.channel_axis == -1 and name in record.statistics
        found = find_outliers(name, record.statistics[name].channels) if known else None
        if found is not None:
            yield found
