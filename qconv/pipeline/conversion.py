"""From a float model to a written one of another type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qconv.calibration.record import Record
from qconv.conversions.kinds import kind_of
from qconv.errors import UsageError
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.outputs import check_output, folder_lock
from qconv.pipeline.arguments import Assume, Data, opener, written
from qconv.pipeline.placing import placed
from qconv.pipeline.reads import ReadFiles
from qconv.pipeline.starting import start
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.pipeline.writing import Conversion, write
from qconv.placement.plan import Decisions
from qconv.placement.targets.known import find_target
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Target
from qconv.progress import Progress, no_progress
from qconv.recipe.keywords import DATA_KEYWORDS, STORAGE_KEYWORDS, TYPE_KEYWORDS, from_keywords
from qconv.recipe.resolve import Chosen, conversions, require_data
from qconv.recipe.settings import DynamicSettings, Int8Settings, Settings, dtype_of
from qconv.recipe.sources import CalibrateSettings, Storage
from qconv.runtime.libraries import custom_operators


@told_by_runtime("model")
def plan(
    model: str | Path,
    settings: Settings | None = None,
    *,
    assume: Assume | None = None,
    target: str | Target = ORT_CPU.name,
) -> Decisions:
    """Return what a conversion would do to each operator, value and weight of a model.

    A plan can be read, changed with :func:`dataclasses.replace` and handed to :func:`convert`: an
    operator that stays float, a weight or an activation of another scheme. What only data can
    tell, such as values that are too fine for 8 bits, is not in it.

    Args:
        model: the float model.
        settings: the type and how it is made; None stands for INT8 with its defaults.
        assume: inputs to fix to constants, see :func:`calibrate`.
        target: the runtime to place operators for, by its name or as a table.

    Raises:
        ModelError, UnsupportedError, UsageError: see :func:`convert`.
    """
    found = find_target(target)
    kind = kind_of(settings or Int8Settings(), found)
    quantized = not isinstance(kind.settings, Int8Settings | DynamicSettings)
    loaded = load_model(Path(model), quantized=quantized, assume=written(assume))
    return placed(kind, prepare(loaded.ir), str(loaded.path), None, None).plan


@told_by_runtime("model")
def convert(
    model: str | Path,
    output: str | Path | None = None,
    *,
    calibration: Record | str | Path | None = None,
    data: Data | None = None,
    settings: Settings | None = None,
    plan: Decisions | None = None,
    assume: Assume | None = None,
    target: str | Target = ORT_CPU.name,
    batch_size: int = 1,
    custom_ops: Sequence[str | Path] = (),
    storage: Storage | None = None,
    force: bool = False,
    progress: Progress = no_progress,
    **options: object,
) -> Conversion:
    """Write a model in another type.

    The file takes its final name only after the ONNX checker has passed it and the runtime has
    loaded and run it.

    Args:
        model: the float model.
        output: the file to write; None stands for ``MODEL.TYPE.onnx`` beside the model.
        calibration: a record, or the path of one. INT8 needs this or ``data``; for FP16 it says
            which values would overflow.
        data: calibrate on this instead.
        settings: the type and how it is made; None stands for what ``options`` say, and for INT8
            with its defaults where they say nothing.
        plan: what :func:`plan` gave for the same settings, changed: it is obeyed.
        assume: inputs to fix to constants, see :func:`calibrate`; the written model lacks them.
        target: the runtime to place operators for, by its name or as a table.
        batch_size: samples per inference while calibrating.
        custom_ops: libraries of operators, see :func:`calibrate`.
        storage: whether weights go to a file of their own; None: from 1 GB on, or if the float
            model's do.
        force: replace an output that exists.
        progress: shown over the samples.
        options: the type, how it is made, where weights go, and how data are read, by the names of
            the command's options: ``dtype="fp16"``, ``effort="best"``, ``image_fit="pad"``.

    Raises:
        UsageError: both of ``calibration`` and ``data``, or neither where one is needed; a plan
            of another model, of other settings, or that asks for what cannot be.
        RecordError: the record is broken, or of another model.
        NothingQuantized: no operator could be converted; no file is written.
        UnsupportedError: the target cannot load the model.
        ModelError, DataError, OutputError, UnsupportedError: see :func:`calibrate`.
    """
    CalibrateSettings(batch_size=batch_size)
    if calibration is not None and data is not None:
        raise UsageError("give a calibration record or calibration data, not both")
    found = find_target(target)
    source = Path(model)
    chosen = from_keywords(options, (*TYPE_KEYWORDS, *STORAGE_KEYWORDS, *DATA_KEYWORDS))
    settings = _settings(chosen.only(TYPE_KEYWORDS), settings)
    storage = _storage(chosen, storage)
    opened = None
    reading = {name: value for name, value in options.items() if name in DATA_KEYWORDS}
    if data is None and "text" not in reading:
        require_data(chosen)
    else:
        opened = opener(() if data is None else data, source, reading)
    kind = kind_of(settings, found)
    path = source.with_suffix(f".{dtype_of(settings)}.onnx") if output is None else Path(output)
    record_file = Path(calibration) if isinstance(calibration, str | Path) else None
    reads = ReadFiles(
        [("the float model", source)], [("the record", record_file)], opened, custom_ops
    )
    for file in (path, *(storage.named_files(path) if storage else ())):
        check_output(file, force=force, reads=reads)
    with folder_lock(path.parent):
        pass  # it is free: told before the work, not after it
    with custom_operators(custom_ops):
        started = start(
            *(source, kind, calibration),
            data=opened,
            plan=plan,
            assume=assume,
            batch_size=batch_size,
            progress=progress,
        )
        for step in started.steps:
            step.apply(started.work)
        return write(started, path, storage=storage, force=force, reads=reads)


def _settings(chosen: Chosen, given: Settings | None) -> Settings:
    """Return the settings that were given, or those that options choose.

    Raises:
        UsageError: there are both, or several types.
    """
    if given is None:
        [first, *others] = conversions(chosen).values()
        if others:
            raise UsageError("`dtype` names several types, but one file is written")
        return first
    for name in chosen.values:
        raise UsageError(f"give `settings` or `{name}`, not both")
    return given


def _storage(chosen: Chosen, given: Storage | None) -> Storage | None:
    """Return where weights go, as it was given or as options choose it."""
    found = chosen.storage()
    if found is not None and given is not None:
        raise UsageError("give `storage` or the options of external data, not both")
    return given if found is None else found
