"""What a model holds, and what would become of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import ModelSummary, summarize
from qconv.pipeline.inputs import Assume, written
from qconv.placement.place import place
from qconv.placement.plan import Plan
from qconv.placement.tables import place_tables, with_tables
from qconv.placement.targets import ORT_CPU, find_target


@dataclass(frozen=True)
class Inspection:
    """What a model is, and what its Plan for a target says."""

    model: ModelSummary
    plan: Plan


def inspect(
    model: str | Path, *, assume: Assume | None = None, target: str = ORT_CPU.name
) -> Inspection:
    """Return what a model holds, and for each operator whether it would be quantized, or why not.

    ``assume`` fixes inputs to constants, see :func:`calibrate`.

    Raises:
        ModelError: the file is missing, broken or already quantized.
        UnsupportedError: its opset cannot be handled.
        UsageError: there is no such target, or an assumption does not fit the model.
    """
    loaded = load_model(Path(model), assume=written(assume))
    summary = summarize(loaded.ir)
    prepared = prepare(loaded.ir)
    plan = place(prepared, find_target(target))
    return Inspection(summary, with_tables(plan, place_tables(prepared, 8), "int8"))
