"""What a model holds, and what would become of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.kinds import kind_of
from qconv.conversions.steps.store_tables import table_scheme
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import ModelSummary, summarize
from qconv.observers.outliers import Outliers, find_outliers
from qconv.pipeline.arguments import Assume, given_record, written
from qconv.pipeline.placing import placed
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.placement.dynamic_layers import place_stored
from qconv.placement.plan import Decisions, DynamicPlan, Plan
from qconv.placement.stored_tables import place_tables, with_tables
from qconv.placement.targets.known import find_target
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Target
from qconv.recipe.settings import DynamicSettings, Int8Settings, Settings


@dataclass(frozen=True)
class Inspection:
    """What a model is, and what its Plan for a target says."""

    model: ModelSummary
    plan: Decisions
    outliers: tuple[Outliers, ...] = ()

    def __repr__(self) -> str:
        return f"<Inspection of {self.model.parameters:,} numbers: {self.plan!r}>"


@told_by_runtime("model")
def inspect(
    model: str | Path,
    *,
    calibration: Record | str | Path | None = None,
    settings: Settings | None = None,
    assume: Assume | None = None,
    target: str | Target = ORT_CPU.name,
) -> Inspection:
    """Return what a model holds, and for each operator whether it would be converted, or why not.

    ``settings`` are those of the conversion, INT8 with its defaults if None. ``assume`` fixes
    inputs to constants, see :func:`calibrate`. ``calibration``, a record or the
    path of one, tells which channels of what products read are far larger than the others.

    Raises:
        ModelError: the file is missing, broken or already quantized.
        UnsupportedError: its opset cannot be handled.
        UsageError: there is no such target, or an assumption does not fit the model.
        RecordError: the record is broken, or of another model.
    """
    kind = kind_of(settings or Int8Settings(), find_target(target))
    quantized = not isinstance(kind.settings, Int8Settings | DynamicSettings)
    loaded = load_model(Path(model), quantized=quantized, assume=written(assume))
    summary = summarize(loaded.ir)
    record = given_record(calibration, loaded)
    found = placed(kind, prepare(loaded.ir), str(loaded.path), None, record)
    prepared, plan = found.model, found.plan
    outliers: tuple[Outliers, ...] = ()
    if record is not None and isinstance(plan, Plan):
        outliers = tuple(_outliers(plan, record))
    if isinstance(kind.settings, Int8Settings | DynamicSettings):
        plan = _with_stored(prepared, plan, kind.settings.embeddings)
    return Inspection(summary, plan, outliers)


def _with_stored(model: ir.Model, plan: Decisions, embeddings: str) -> Decisions:
    """Return a plan that also says which weights and tables are only stored in few bits."""
    everywhere = isinstance(plan, DynamicPlan)
    stored = place_stored(model, plan, everywhere=everywhere).nodes
    integers = {node.node for node in plan.quantized}
    others = {name: node for name, node in stored.items() if name not in integers}
    plan = replace(plan, nodes={**plan.nodes, **others})
    scheme = table_scheme(embeddings)
    if scheme is None:
        return plan
    return with_tables(plan, place_tables(model, plan.target, scheme), scheme.dtype.name)


def _outliers(plan: Plan, record: Record) -> Iterator[Outliers]:
    for name, value in plan.values.items():
        known = value.channel_axis == -1 and name in record.statistics
        found = find_outliers(name, record.statistics[name].channels) if known else None
        if found is not None:
            yield found
