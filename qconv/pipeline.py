"""The whole story: inspect, calibrate, convert, report.

These are the public functions of qconv; the commands of the same names only read options and
print what comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes import common

import qconv
from qconv.algorithms.weights import WeightSettings, quantize_layers
from qconv.calibration.collect import collect
from qconv.calibration.estimate import RangeSettings, estimate_params
from qconv.calibration.observe import Depth
from qconv.calibration.record import Record, read_record, record_hash, write_record
from qconv.data import Source, TensorSpec, check_batchable, open_data
from qconv.errors import UsageError
from qconv.evaluation.report import report as _report
from qconv.graph.model_io import LoadedModel, load_model, model_bytes, save_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import ModelSummary, input_specs, summarize
from qconv.observers.estimators import Method
from qconv.outputs import check_output, staged
from qconv.placement.place import place, require_quantized
from qconv.placement.plan import Plan
from qconv.placement.targets import ORT_CPU, find_target
from qconv.progress import Progress, no_progress
from qconv.reporting.record import Report
from qconv.rewrite.qdq import rewrite_qdq
from qconv.runtime.machine import library_versions
from qconv.runtime.trial import require_running

OpenData = Callable[[Sequence[TensorSpec]], Source]
Data = Sequence[str] | OpenData


@dataclass(frozen=True)
class Inspection:
    """What a model is, and what its Plan for a target says."""

    model: ModelSummary
    plan: Plan


@dataclass(frozen=True)
class Int8Settings:
    """How INT8 is made.

    Attributes:
        method: how ranges are read from the statistics; ``auto`` takes the least squared error
            among ranges that clip at most 0.01 % of the data.
        percentile: percent of the data inside the range, for the method ``percentile``.
        bias_correction: whether the mean error of the weights is taken out of the biases.
        portable: whether weights are kept from saturating on x64 CPUs without VNNI.
    """

    method: Method = "auto"
    percentile: float = 99.99
    bias_correction: bool = True
    portable: bool = True


@dataclass(frozen=True)
class Conversion:
    """A written model: where it is, its size and the float model's in bytes, and its Plan.

    ``method`` is the range method that was used, once ``auto`` met what the record holds.
    """

    path: Path
    size_bytes: int
    float_bytes: int
    method: str
    plan: Plan


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
        check_output(path, force=force)
    loaded = load_model(Path(model))
    prepared, plan = _planned(loaded, target)
    record = _collect(loaded, prepared, plan, data, statistics, batch_size, progress)
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
    settings: Int8Settings | None = None,
    target: str = ORT_CPU.name,
    batch_size: int = 1,
    force: bool = False,
    progress: Progress = no_progress,
) -> Conversion:
    """Write an INT8 model, from a calibration record or by calibrating on the way.

    The file takes its final name only after the ONNX checker has passed it and the runtime has
    loaded and run it.

    Args:
        model: the float model.
        output: the file to write.
        calibration: a record, or the path of one.
        data: calibrate on this instead; exactly one of the two is needed.
        settings: how INT8 is made; None takes the defaults.
        target: the runtime to place operators for.
        batch_size: samples per inference while calibrating.
        force: replace an output that exists.
        progress: shown over the samples.

    Raises:
        UsageError: neither or both of ``calibration`` and ``data``.
        RecordError: the record is broken, or of another model.
        NothingQuantized: no operator could be quantized; no file is written.
        ModelError, DataError, OutputError, UnsupportedError: see :func:`calibrate`.
    """
    if (calibration is None) == (data is None):
        raise UsageError("convert needs either a calibration record or data to calibrate on")
    path, source = Path(output), Path(model)
    if path.resolve() == source.resolve():
        raise UsageError(f"{path}: the output would replace the float model")
    settings = Int8Settings() if settings is None else settings
    check_output(path, force=force)
    loaded = load_model(source)
    record = _given_record(calibration, loaded)
    prepared, plan = _planned(loaded, target)
    if record is None and data is not None:
        depth: Depth = "ranges" if settings.method == "minmax" else "histogram"
        record = _collect(loaded, prepared, plan, data, depth, batch_size, progress)
    if record is None:
        raise UsageError("convert needs either a calibration record or data to calibrate on")
    method = _resolved_method(settings.method, record)
    _quantize(prepared, plan, record, settings, method)
    _stamp(prepared, loaded, record, settings, method)
    with staged(path, force=force) as temporary:
        save_model(prepared, temporary)
        require_running(temporary, source, record.feed_shapes)
    return Conversion(path, model_bytes(path), model_bytes(source), method, plan)


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


def _opener(data: Data) -> OpenData:
    if callable(data):
        return data
    specs = [data] if isinstance(data, str) else list(data)
    return lambda inputs: open_data(specs, inputs)


def _planned(loaded: LoadedModel, target: str) -> tuple[ir.Model, Plan]:
    prepared = prepare(loaded.ir)
    plan = place(prepared, find_target(target))
    require_quantized(plan, str(loaded.path))
    return prepared, plan


def _collect(
    loaded: LoadedModel,
    prepared: ir.Model,
    plan: Plan,
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
        prepared, plan, source, depth=depth, batch_size=batch_size, progress=progress
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


def _resolved_method(method: Method, record: Record) -> Method:
    return "minmax" if method == "auto" and record.depth == "ranges" else method


def _quantize(
    prepared: ir.Model, plan: Plan, record: Record, settings: Int8Settings, method: Method
) -> None:
    ranges = RangeSettings(method, settings.percentile)
    params = estimate_params(prepared, plan, record.statistics, ranges)
    weights = WeightSettings(settings.bias_correction, settings.portable)
    layers = quantize_layers(prepared, plan, params, record.statistics, weights)
    rewrite_qdq(prepared, plan, params, layers)
    common.RemoveUnusedNodesPass()(prepared)


def _stamp(
    model: ir.Model, loaded: LoadedModel, record: Record, settings: Int8Settings, method: Method
) -> None:
    """Write into the model where it comes from."""
    made: Mapping[str, object] = {**asdict(settings), "method": method, "target": record.target}
    model.metadata_props.update(
        {
            "qconv.version": qconv.__version__,
            "qconv.dtype": "int8",
            "qconv.settings": json.dumps(made, sort_keys=True),
            "qconv.float_model": loaded.fingerprint,
            "qconv.record": record_hash(record),
        }
    )
