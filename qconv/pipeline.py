"""The whole story: inspect, calibrate, convert, report.

These are the public functions of qconv; the commands of the same names only read options and
print what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import onnx_ir as ir

from qconv.calibration.collect import collect
from qconv.calibration.observe import Depth
from qconv.calibration.record import Record, read_record, write_record
from qconv.conversions.floating import float32_model, half_model
from qconv.conversions.int8 import to_int8
from qconv.conversions.provenance import provenance
from qconv.conversions.settings import HalfSettings, Int8Settings, Settings, runs_on_cpu
from qconv.data import Source, TensorSpec, check_batchable, open_data
from qconv.errors import UsageError
from qconv.evaluation.report import report as _report
from qconv.graph.model_io import LoadedModel, Storage, load_model, model_bytes, save_model
from qconv.graph.prepare import prepare
from qconv.graph.prepare.unused import remove_notes, remove_unused
from qconv.graph.summary import ModelSummary, input_specs, summarize
from qconv.outputs import check_output, staged
from qconv.placement.demands import require_quantized
from qconv.placement.observed import all_values, quantizable_values
from qconv.placement.place import place
from qconv.placement.plan import Decisions, Plan, ValuePlan
from qconv.placement.targets import ORT_CPU, find_target
from qconv.progress import Progress, no_progress
from qconv.reporting.record import Report
from qconv.runtime.machine import library_versions
from qconv.runtime.trial import require_running, require_valid

Values = Literal["quantizable", "all"]
OpenData = Callable[[Sequence[TensorSpec]], Source]
Data = Sequence[str] | OpenData


@dataclass(frozen=True)
class Inspection:
    """What a model is, and what its Plan for a target says."""

    model: ModelSummary
    plan: Plan


@dataclass(frozen=True)
class Conversion:
    """A written model: where it is, and its size and the original model's in bytes.

    ``plan`` says of each operator whether it was converted; ``note`` sums up how.
    """

    path: Path
    size_bytes: int
    float_bytes: int
    plan: Decisions
    note: str


def inspect(model: str | Path, *, target: str = ORT_CPU.name) -> Inspection:
    """Return what a model holds, and for each operator whether it would be quantized, or why not.

    Raises:
        ModelError: the file is missing, broken or already quantized.
        UnsupportedError: its opset cannot be handled.
        UsageError: there is no such target.
    """
    loaded = load_model(Path(model))
    summary = summarize(loaded.ir)
    return Inspection(summary, place(prepare(loaded.ir), find_target(target)))


def calibrate(
    model: str | Path,
    *,
    data: Data,
    output: str | Path | None = None,
    target: str = ORT_CPU.name,
    statistics: Depth = "histogram",
    values: Values = "quantizable",
    batch_size: int = 1,
    force: bool = False,
    progress: Progress = no_progress,
) -> Record:
    """Run the float model over data once and return the statistics of its inner values.

    Args:
        model: the float model.
        data: DATA arguments as the command takes them, or a function that opens the samples.
        output: where to write the record (``.qcal``), or None.
        target: for whose Plan the values are chosen.
        statistics: ``histogram``, or ``ranges`` for min-max only, which is faster.
        values: ``quantizable``, which INT8 needs, or ``all``, from which FP16 learns what would
            overflow.
        batch_size: samples per inference; more than one needs a dynamic first axis.
        force: replace an output that exists.
        progress: shown over the samples.

    Raises:
        ModelError, UnsupportedError: see :func:`inspect`.
        NothingQuantized: no operator of the model could use the statistics.
        DataError: the data does not fit, or makes the model give NaN or Inf.
        OutputError: the record cannot be written.
    """
    path = None if output is None else Path(output)
    if path is not None:
        _check_path(path, Path(model), force=force)
    loaded = load_model(Path(model))
    prepared = prepare(loaded.ir)
    if values == "all":
        plan = place(prepared, find_target(target))
        observed = all_values(prepared, plan)
    else:
        plan = _required_plan(prepared, loaded.path, target)
        observed = quantizable_values(plan)
    record = _collect(loaded, prepared, plan, observed, data, statistics, batch_size, progress)
    if path is not None:
        with staged(path, force=force) as temporary:
            write_record(record, temporary)
    return record


def convert(
    model: str | Path,
    output: str | Path,
    *,
    calibration: Record | str | Path | None = None,
    data: Data | None = None,
    settings: Settings | None = None,
    target: str = ORT_CPU.name,
    batch_size: int = 1,
    storage: Storage | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> Conversion:
    """Write a model in another type.

    The file takes its final name only after the ONNX checker has passed it and the runtime has
    loaded and run it.

    Args:
        model: the float model.
        output: the file to write.
        calibration: a record, or the path of one. INT8 needs this or ``data``; for FP16 it says
            which values would overflow.
        data: calibrate on this instead.
        settings: the type and how it is made; None stands for INT8 with its defaults.
        target: the runtime to place operators for.
        batch_size: samples per inference while calibrating.
        storage: whether weights go to a file of their own; None: from 1 GB on, or if the float
            model's do.
        force: replace an output that exists.
        progress: shown over the samples.

    Raises:
        UsageError: both of ``calibration`` and ``data``, or neither where one is needed.
        RecordError: the record is broken, or of another model.
        NothingQuantized: no operator could be converted; no file is written.
        ModelError, DataError, OutputError, UnsupportedError: see :func:`calibrate`.
    """
    settings = Int8Settings() if settings is None else settings
    if calibration is not None and data is not None:
        raise UsageError("a calibration record and data to calibrate on exclude each other")
    path, source = Path(output), Path(model)
    _check_path(path, source, force=force)
    loaded = load_model(source, quantized=not isinstance(settings, Int8Settings))
    record = _given_record(calibration, loaded)
    prepared = prepare(loaded.ir)
    plan: Decisions
    if isinstance(settings, Int8Settings):
        int8_plan = _required_plan(prepared, source, target)
        if record is None:
            if data is None:
                raise UsageError("INT8 needs a calibration record or data to calibrate on")
            depth: Depth = "ranges" if settings.method == "minmax" else "histogram"
            values = quantizable_values(int8_plan)
            record = _collect(
                loaded, prepared, int8_plan, values, data, depth, batch_size, progress
            )
        method = to_int8(prepared, int8_plan, record, settings)
        settings, plan, note = replace(settings, method=method), int8_plan, f"ranges by {method}"
    elif isinstance(settings, HalfSettings):
        if data is not None:
            nearest = place(prepared, find_target(target))
            values = all_values(prepared, nearest)
            record = _collect(
                loaded, prepared, nearest, values, data, "ranges", batch_size, progress
            )
        prepared, plan, note = half_model(prepared, record, settings, str(source))
    else:
        plan, note = float32_model(prepared, str(source))
    remove_unused(prepared)
    remove_notes(prepared)
    prepared.metadata_props.update(provenance(loaded, record, settings, target))
    with staged(path, force=force) as temporary:
        save_model(prepared, temporary, storage or Storage("always" if loaded.external else "auto"))
        if runs_on_cpu(settings):
            require_running(temporary, source, {} if record is None else record.feed_shapes)
        else:
            require_valid(temporary, source)
    return Conversion(path, model_bytes(path), model_bytes(source), plan, note)


def report(
    model: str | Path,
    variants: Sequence[str | Path],
    *,
    data: Data,
    fail_if: Sequence[str] = (),
    metrics: Sequence[str] = (),
    threads: int | None = 1,
    runs: int = 50,
    latency: bool = True,
    progress: Progress = no_progress,
) -> Report:
    """Compare variants with their float model and judge them by gates.

    The arguments are those of :func:`qconv.evaluation.report.report`, with data as in
    :func:`calibrate`.
    """
    return _report(
        Path(model),
        [Path(variant) for variant in variants],
        data=_opener(data),
        fail_if=fail_if,
        metrics=metrics,
        threads=threads,
        runs=runs,
        latency=latency,
        progress=progress,
    )


def _check_path(output: Path, model: Path, *, force: bool) -> None:
    if output.resolve() == model.resolve():
        raise UsageError(f"{output}: the output would replace the float model")
    check_output(output, force=force)


def _opener(data: Data) -> OpenData:
    if callable(data):
        return data
    specs = [data] if isinstance(data, str) else list(data)
    return lambda inputs: open_data(specs, inputs)


def _required_plan(prepared: ir.Model, path: Path, target: str) -> Plan:
    plan = place(prepared, find_target(target))
    require_quantized(plan, str(path))
    return plan


def _collect(
    loaded: LoadedModel,
    prepared: ir.Model,
    plan: Plan,
    values: Sequence[ValuePlan],
    data: Data,
    depth: Depth,
    batch_size: int,
    progress: Progress,
) -> Record:
    inputs = input_specs(prepared)
    if batch_size > 1:
        check_batchable(inputs)
    source = _opener(data)(inputs)
    collected = collect(
        prepared, values, source, depth=depth, batch_size=batch_size, progress=progress
    )
    return Record(
        model_fingerprint=loaded.fingerprint,
        target=plan.target,
        depth=depth,
        samples=collected.samples,
        feed_shapes=collected.feed_shapes,
        statistics=collected.statistics,
        tools=library_versions(),
    )


def _given_record(calibration: Record | str | Path | None, loaded: LoadedModel) -> Record | None:
    if calibration is None:
        return None
    given = isinstance(calibration, Record)
    record = calibration if isinstance(calibration, Record) else read_record(Path(calibration))
    record.require_model(loaded.fingerprint, "the record" if given else str(calibration))
    return record
