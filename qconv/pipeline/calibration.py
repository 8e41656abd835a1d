"""One pass of the float model over data, kept as a record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir

from qconv.calibration.collect import collect
from qconv.calibration.kept_samples import MOST_KEPT, KeptSamples
from qconv.calibration.record import Record
from qconv.calibration.record_file import write_record
from qconv.conversions.work import Needs
from qconv.data import Source
from qconv.errors import NothingQuantized
from qconv.graph.model_io import LoadedModel, load_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import input_specs
from qconv.outputs import check_output, staged
from qconv.pipeline.arguments import Assume, Data, opener, samples_for, written
from qconv.pipeline.reads import ReadFiles
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.placement.inputs import affordable, layer_inputs
from qconv.placement.observed import all_values, quantizable_values
from qconv.placement.place import place
from qconv.placement.requirements import require_quantized, require_readable
from qconv.placement.targets.known import find_target
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Target
from qconv.progress import Progress, no_progress
from qconv.recipe.sources import CalibrateSettings, Statistics, Values
from qconv.runtime.libraries import custom_operators
from qconv.runtime.machine import library_versions


@told_by_runtime("model")
def calibrate(
    model: str | Path,
    *,
    data: Data,
    output: str | Path | None = None,
    assume: Assume | None = None,
    target: str | Target = ORT_CPU.name,
    statistics: Statistics = "full",
    values: Values = "quantizable",
    keep_samples: int = MOST_KEPT,
    batch_size: int = 1,
    custom_ops: Sequence[str | Path] = (),
    force: bool = False,
    progress: Progress = no_progress,
    **options: object,
) -> Record:
    """Run the float model over data once and return the statistics of its inner values.

    Args:
        model: the float model.
        data: DATA arguments as the command takes them, or a function that opens the samples.
        output: where to write the record (``.qcal``), or None.
        assume: inputs to fix to constants: ``{"sr": 16000}``, a list for a vector. They are
            removed, and the data need not hold them.
        target: for whose Plan the values are chosen, by its name or as a table.
        statistics: ``full`` has second moments of what layers read, from at most 128 samples
            spread evenly over the data; ``histogram`` none; ``ranges`` has min-max only.
        values: ``quantizable``, which INT8 needs, or ``all``, from which FP16 learns what would
            overflow.
        keep_samples: how many samples the record keeps as they are, at most 64 MB of them.
        batch_size: samples per inference; more than one needs a dynamic first axis.
        custom_ops: shared libraries of operators that the model needs; their code is run.
        force: replace an output that exists.
        progress: shown over the samples.
        options: how data are read, by the names of the command's options: ``samples=100``,
            ``image_preset="imagenet-torch"``, ``tokenizer="tokenizer.json"``.

    Raises:
        UsageError: an option is wrong, or has no effect.
        ModelError, UnsupportedError: see :func:`inspect`.
        NothingQuantized: no operator of the model could use the statistics.
        DataError: the data does not fit, or makes the model give NaN or Inf.
        OutputError: the record cannot be written.
    """
    CalibrateSettings(statistics, values, keep_samples, batch_size)
    found = find_target(target)
    path = None if output is None else Path(output)
    opened = opener(data, Path(model), options)
    reads = ReadFiles([("the float model", Path(model))], (), opened, custom_ops)
    if path is not None:
        check_output(path, force=force, reads=reads)
    loaded = load_model(Path(model), assume=written(assume))
    prepared = prepare(loaded.ir)
    require_readable(prepared, found, str(loaded.path))
    plan = place(prepared, found.for_any_type())
    if values == "all":
        observed = all_values(prepared, plan)
    else:
        if statistics != "full" or not layer_inputs(prepared):
            require_quantized(plan, str(loaded.path))
        observed = quantizable_values(plan)
    inputs = affordable(layer_inputs(prepared)) if statistics == "full" else ()
    if not observed and not inputs and values != "all":
        raise NothingQuantized(
            f"{loaded.path}: no operator needs calibration: inputs are quantized at run time",
            hint="`dtype=int8` with `mode=dynamic` needs no data",
        )
    if not observed and not inputs:
        raise NothingQuantized(f"{loaded.path}: it has no float32 values to observe")
    with custom_operators(custom_ops):
        record = collect_record(
            *(loaded, prepared, found.name, Needs(observed, statistics, inputs)),
            samples_for(loaded, opened, input_specs(prepared), batch_size),
            keep=keep_samples,
            batch_size=batch_size,
            progress=progress,
        )
    if path is not None:
        with staged(path, force=force, reads=reads) as temporary:
            write_record(record, temporary)
    return record


def collect_record(
    loaded: LoadedModel,
    prepared: ir.Model,
    target: str,
    needs: Needs,
    source: Source,
    *,
    keep: int = MOST_KEPT,
    batch_size: int,
    progress: Progress,
) -> Record:
    """Run a prepared model over samples; return the statistics of values and of layers' inputs."""
    collected = collect(
        prepared,
        needs.values,
        KeptSamples(source, keep),
        depth=needs.depth,
        batch_size=batch_size,
        progress=progress,
        inputs=needs.inputs,
        label=str(loaded.path),
    )
    return Record(
        model_fingerprint=loaded.fingerprint,
        target=target,
        depth=needs.depth,
        samples=collected.samples,
        feed_shapes=collected.feed_shapes,
        statistics=collected.statistics,
        grams=collected.grams,
        tools=library_versions(),
        assumptions=loaded.assumptions,
        feeds=collected.feeds,
    )
