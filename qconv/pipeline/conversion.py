"""From a float model to a written one of another type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx_ir as ir

from qconv.calibration.belonging import require_channels, require_moments
from qconv.calibration.observe import Depth
from qconv.calibration.record import Record
from qconv.conversions.dynamic import dynamic_model
from qconv.conversions.floating import UNSEEN, float32_model, half_model
from qconv.conversions.four_bits import pack_weights
from qconv.conversions.int8 import SAMPLES_NEEDED, to_int8
from qconv.conversions.kept import check_float_layers, float_layers
from qconv.conversions.provenance import provenance
from qconv.conversions.sequential import sequential_inputs
from qconv.conversions.weight_only import weight_only_model
from qconv.data import Source
from qconv.errors import UsageError
from qconv.graph.model_io import LoadedModel, load_model, model_bytes
from qconv.graph.prepare import prepare
from qconv.graph.prepare.unused import remove_notes, remove_unused
from qconv.graph.saving import save_model
from qconv.graph.summary import input_specs
from qconv.outputs import check_output, folder_lock, staged
from qconv.pipeline.calibration import collect_record, moment_measure
from qconv.pipeline.inputs import (
    Assume,
    Data,
    given_record,
    require_integers,
    required_plan,
    samples_for,
    written,
)
from qconv.pipeline.ranking import worst_layers
from qconv.pipeline.reads import ReadFiles
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.placement.inputs import LayerInput, affordable, layer_inputs
from qconv.placement.observed import all_values, quantizable_values
from qconv.placement.place import place
from qconv.placement.plan import Decisions, Plan, ValuePlan
from qconv.placement.targets import ORT_CPU, find_target
from qconv.progress import Progress, no_progress
from qconv.recipe.settings import (
    DynamicSettings,
    HalfSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
    runs_on_cpu,
)
from qconv.recipe.sources import CalibrateSettings, Storage
from qconv.runtime.libraries import custom_operators
from qconv.runtime.trial import require_running, require_valid


@dataclass(frozen=True)
class Conversion:
    """A written model: where it is, and its size and the original model's in bytes.

    ``plan`` says of each operator whether it was converted; ``note`` sums up how,
    and ``remarks`` say what is worth knowing about the result.
    """

    path: Path
    size_bytes: int
    float_bytes: int
    plan: Decisions
    note: str
    remarks: tuple[str, ...] = ()


@told_by_runtime("model")
def convert(
    model: str | Path,
    output: str | Path,
    *,
    calibration: Record | str | Path | None = None,
    data: Data | None = None,
    settings: Settings | None = None,
    assume: Assume | None = None,
    target: str = ORT_CPU.name,
    batch_size: int = 1,
    custom_ops: Sequence[str | Path] = (),
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
        assume: inputs to fix to constants, see :func:`calibrate`; the written model lacks them.
        target: the runtime to place operators for.
        batch_size: samples per inference while calibrating.
        custom_ops: libraries of operators, see :func:`calibrate`.
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
    CalibrateSettings(batch_size=batch_size)
    if calibration is not None and data is not None:
        raise UsageError("a calibration record and data to calibrate on exclude each other")
    path, source = Path(output), Path(model)
    record_file = Path(calibration) if isinstance(calibration, str | Path) else None
    reads = ReadFiles(
        [("the float model", source)], [("the record", record_file)], data or (), custom_ops
    )
    for file in (path, *(storage.named_files(path) if storage else ())):
        check_output(file, force=force, reads=reads)
    with folder_lock(path.parent):
        pass  # it is free: told before the work, not after it
    quantized = not isinstance(settings, Int8Settings | DynamicSettings)
    loaded = load_model(source, quantized=quantized, assume=written(assume))
    record = given_record(calibration, loaded)
    job = _Job(loaded, prepare(loaded.ir), record, data, target, batch_size, progress)
    if record is not None:
        require_moments(record, job.prepared)
    with custom_operators(custom_ops):
        made = _make(job, settings)
        remove_unused(made.model)
        remove_notes(made.model)
        made.model.metadata_props.update(provenance(loaded, made.record, made.settings, target))
        with staged(path, force=force, reads=reads, model=True) as temporary:
            external = Storage("always" if loaded.external else "auto")
            save_model(made.model, temporary, storage or external)
            if runs_on_cpu(settings):
                shapes = {} if made.record is None else made.record.feed_shapes
                require_running(temporary, source, shapes, loaded.assumed)
            else:
                require_valid(temporary, source)
            sizes = model_bytes(temporary), model_bytes(source)
    return Conversion(path, *sizes, made.plan, made.note, made.remarks)


@dataclass(frozen=True)
class _Job:
    """A prepared model, and what there is to learn of its activations from."""

    loaded: LoadedModel
    prepared: ir.Model
    record: Record | None
    data: Data | None
    target: str
    batch_size: int
    progress: Progress

    def collect(
        self,
        data: Data,
        plan: Plan,
        values: Sequence[ValuePlan],
        depth: Depth,
        moments_of: Sequence[LayerInput] = (),
    ) -> Record:
        """Return the record of the data."""
        return collect_record(
            *(self.loaded, self.prepared, plan, values, data, depth),
            *(self.batch_size, self.progress, moments_of),
        )

    def samples(self, data: Data) -> Source:
        """Return the samples."""
        return samples_for(self.loaded, data, input_specs(self.prepared))

    def nearest_plan(self) -> Plan:
        """Return the INT8 plan of a model that will take another type."""
        return place(self.prepared, find_target(self.target))


@dataclass(frozen=True)
class _Made:
    """A converted model; record and settings are those that it was made with."""

    model: ir.Model
    plan: Decisions
    note: str
    record: Record | None
    settings: Settings
    remarks: tuple[str, ...] = ()


def _make(job: _Job, settings: Settings) -> _Made:
    if isinstance(settings, Int8Settings):
        return _static(job, settings)
    if isinstance(settings, WeightOnlySettings):
        return _weight_only(job, settings)
    if isinstance(settings, HalfSettings):
        return _half(job, settings)
    label = str(job.loaded.path)
    if isinstance(settings, DynamicSettings):
        plan, remarks = dynamic_model(job.prepared, settings, label)
        note = "inputs quantized at run time"
        return _Made(job.prepared, plan, note, job.record, settings, remarks)
    precision, note = float32_model(job.prepared, label, assumed=bool(job.loaded.assumed))
    return _Made(job.prepared, precision, note, job.record, settings)


def _static(job: _Job, settings: Int8Settings) -> _Made:
    plan = required_plan(job.prepared, job.loaded.path, job.target)
    said = _require_rest(job, plan, settings)
    values, record = quantizable_values(plan), job.record
    if record is not None:
        require_channels(record, job.prepared, plan)
    if settings.needs_samples and job.data is None:
        raise UsageError(SAMPLES_NEEDED)
    if record is None and values:
        if job.data is None:
            raise UsageError("INT8 needs a calibration record or data to calibrate on")
        depth: Depth = "ranges" if settings.method == "minmax" else "histogram"
        inputs: Sequence[LayerInput] = ()
        if settings.wants_moments:
            depth, inputs = "full", _gram_inputs(job.prepared, plan, settings)
        record = job.collect(job.data, plan, values, depth, inputs)
    source = None
    if job.data is not None and (settings.needs_samples or settings.float_count):
        source = job.samples(job.data)
    if settings.float_count:
        if source is None:
            raise UsageError("`float_layers` with a number needs `data`, to rank the layers")
        worst, ranked = worst_layers(job.prepared, plan, record, settings, source, job.progress)
        settings = replace(settings, float_layers=(*settings.float_layers, *worst))
        said = (*ranked, *_require_rest(job, plan, settings))
    decisions, method, remarks = to_int8(job.prepared, plan, record, settings, job.progress, source)
    model, remarks = job.prepared, (*said, *remarks)
    if settings.weight_bits == 4:
        model, packed = pack_weights(model)
        remarks = (*remarks, *packed)
    settings = replace(settings, method=method)
    return _Made(model, decisions, f"ranges by {method}", record, settings, remarks)


def _require_rest(job: _Job, plan: Plan, settings: Int8Settings) -> tuple[str, ...]:
    """Refuse to keep operators in float that are not there, or all of them; return remarks.

    Raises:
        UsageError: see :func:`check_float_layers`.
        NothingQuantized: no operator would run in integers.
    """
    if not settings.float_patterns:
        return ()
    kept = float_layers(plan, settings.float_patterns)
    placed = place(job.prepared, find_target(job.target), kept=kept)
    remarks = check_float_layers(job.prepared, plan, placed, settings.float_patterns)
    require_integers(job.prepared, job.loaded.path, placed)
    return remarks


def _gram_inputs(model: ir.Model, plan: Plan, settings: Int8Settings) -> Sequence[LayerInput]:
    """Return the inputs of layers that are not measured again in the quantized model."""
    measured = sequential_inputs(model, plan) if settings.sequential else {}
    others = [each for each in layer_inputs(model) if not measured.keys() >= set(each.nodes)]
    return affordable(others)


def _weight_only(job: _Job, settings: WeightOnlySettings) -> _Made:
    record, measure = job.record, None
    inputs = affordable(layer_inputs(job.prepared))
    if job.data is not None and inputs:
        record = job.collect(job.data, job.nearest_plan(), (), "full", inputs)
        measure = moment_measure(job.loaded, job.prepared, job.data, job.batch_size)
    model, plan, remarks = weight_only_model(
        job.prepared, record, settings, str(job.loaded.path), measure, job.progress
    )
    return _Made(model, plan, f"{settings.dtype} weights", record, settings, remarks)


def _half(job: _Job, settings: HalfSettings) -> _Made:
    record = job.record
    if job.data is not None:
        nearest = job.nearest_plan()
        record = job.collect(job.data, nearest, all_values(job.prepared, nearest), "ranges")
    model, plan, note = half_model(job.prepared, record, settings, str(job.loaded.path))
    remarks = (UNSEEN,) if record is None and settings.dtype == "fp16" else ()
    return _Made(model, plan, note, record, settings, remarks)
