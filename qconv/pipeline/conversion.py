"""From a float model to a written one of another type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from qconv.calibration.observe import Depth
from qconv.calibration.record import Record
from qconv.conversions.dynamic import dynamic_model
from qconv.conversions.floating import float32_model, half_model
from qconv.conversions.int8 import to_int8
from qconv.conversions.provenance import provenance
from qconv.conversions.settings import (
    DynamicSettings,
    HalfSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
    runs_on_cpu,
)
from qconv.conversions.weight_only import weight_only_model
from qconv.errors import UsageError
from qconv.graph.model_io import Storage, load_model, model_bytes, save_model
from qconv.graph.prepare import prepare
from qconv.graph.prepare.unused import remove_notes, remove_unused
from qconv.graph.summary import input_specs
from qconv.outputs import staged
from qconv.pipeline.calibration import collect_record, moment_measure
from qconv.pipeline.inputs import (
    Assume,
    Data,
    check_path,
    given_record,
    required_plan,
    samples_for,
    written,
)
from qconv.pipeline.ranking import worst_layers
from qconv.placement.observed import all_values, quantizable_values
from qconv.placement.place import place
from qconv.placement.plan import Decisions
from qconv.placement.targets import ORT_CPU, find_target
from qconv.progress import Progress, no_progress
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
    check_path(path, source, force=force)
    quantized = not isinstance(settings, Int8Settings | DynamicSettings)
    loaded = load_model(source, quantized=quantized, assume=written(assume))
    record = given_record(calibration, loaded)
    prepared = prepare(loaded.ir)
    plan: Decisions
    remarks: tuple[str, ...] = ()
    if isinstance(settings, Int8Settings):
        int8_plan = required_plan(prepared, source, target)
        values = quantizable_values(int8_plan)
        if record is None and values:
            if data is None:
                raise UsageError("INT8 needs a calibration record or data to calibrate on")
            depth: Depth = "ranges" if settings.method == "minmax" else "histogram"
            depth = "full" if settings.wants_moments else depth
            record = collect_record(
                loaded, prepared, int8_plan, values, data, depth, batch_size, progress
            )
        if settings.float_count:
            if data is None or record is None:
                raise UsageError("ranking layers needs --data; --float-layers REGEX does not")
            samples = samples_for(loaded, data, input_specs(prepared))
            worst = worst_layers(prepared, int8_plan, record, settings, samples, progress)
            settings = replace(settings, float_layers=(*settings.float_layers, *worst))
        plan, method, remarks = to_int8(prepared, int8_plan, record, settings, progress)
        settings, note = replace(settings, method=method), f"ranges by {method}"
    elif isinstance(settings, DynamicSettings):
        plan, remarks = dynamic_model(prepared, settings, str(source))
        note = "inputs quantized at run time"
    elif isinstance(settings, WeightOnlySettings):
        measure = None
        if data is not None:
            nearest = place(prepared, find_target(target))
            record = collect_record(
                loaded, prepared, nearest, (), data, "full", batch_size, progress
            )
            measure = moment_measure(loaded, prepared, data, batch_size)
        prepared, plan, remarks = weight_only_model(
            prepared, record, settings, str(source), measure, progress
        )
        note = f"{settings.dtype} weights"
    elif isinstance(settings, HalfSettings):
        if data is not None:
            nearest = place(prepared, find_target(target))
            values = all_values(prepared, nearest)
            record = collect_record(
                loaded, prepared, nearest, values, data, "ranges", batch_size, progress
            )
        prepared, plan, note = half_model(prepared, record, settings, str(source))
    else:
        plan, note = float32_model(prepared, str(source), assumed=bool(loaded.assumed))
    remove_unused(prepared)
    remove_notes(prepared)
    prepared.metadata_props.update(provenance(loaded, record, settings, target))
    with staged(path, force=force) as temporary:
        save_model(prepared, temporary, storage or Storage("always" if loaded.external else "auto"))
        if runs_on_cpu(settings):
            shapes = {} if record is None else record.feed_shapes
            require_running(temporary, source, shapes, loaded.assumed)
        else:
            require_valid(temporary, source)
    return Conversion(path, model_bytes(path), model_bytes(source), plan, note, remarks)
