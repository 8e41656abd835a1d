"""``qconv convert``: write quantized models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from qconv.cli.activation_options import ActivationArguments, activation_options
from qconv.cli.assume_option import assume_option
from qconv.cli.choices import FiniteRange, refuse_unread
from qconv.cli.conversion_text import print_conversion
from qconv.cli.convert_unread import unread_options
from qconv.cli.custom_ops_option import custom_ops_option
from qconv.cli.data_options import DataArguments, data_options
from qconv.cli.int8_options import Int8Arguments, int8_options
from qconv.cli.paths import FilePath, OutputPath
from qconv.cli.weight_options import (
    WEIGHT_TYPES,
    WeightArguments,
    weight_options,
)

_DATA_SIZE = 1000.0
DTYPES = ("int8", *WEIGHT_TYPES[1:], "fp16", "bf16", "fp32")


@click.command()
@click.argument("model", type=FilePath())
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(list(DTYPES)),
    metavar="TYPE",
    multiple=True,
    required=True,
    help="Type to convert to; may be repeated, with a folder as output. int8, or for weights alone "
    "uint8, int4, uint4, int3, int2, uint2, ternary, binary, fp8e4m3, fp8e5m2 (those with u have a "
    "zero point); fp16, bf16; fp32 for models of float64 or float16.",
)
@click.option(
    "--mode",
    type=click.Choice(["static", "dynamic", "weight-only"]),
    help="int8: quantize activations by calibration, at run time (needs no data), or not at all.  "
    "[default: static]",
)
@click.option(
    "--calibration",
    metavar="FILE",
    type=FilePath(),
    help="A record that qconv calibrate wrote for this model. Static int8 needs it, or --data; "
    "fp16 learns from one made with --values all what would overflow, gptq from one made with "
    "--statistics full what the layers read.",
)
@data_options(required=False)
@assume_option
@custom_ops_option
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="PATH",
    type=OutputPath(),
    help="The model to write, or a folder, which gets MODEL.DTYPE.onnx.",
)
@int8_options
@click.option(
    "--bias-correction/--no-bias-correction",
    default=True,
    show_default=True,
    help="int8: take the mean error of the rounded weights out of the biases.",
)
@activation_options
@weight_options
@click.option(
    "--keep-float",
    metavar="REGEX",
    multiple=True,
    help="fp16, bf16: keep float32 in operators whose name or type this is found in; may be "
    "repeated.",
)
@click.option(
    "--io",
    "io_dtype",
    type=click.Choice(["fp32", "fp16", "bf16"]),
    default="fp32",
    show_default=True,
    help="fp16, bf16: type of the model's float inputs and outputs.",
)
@click.option(
    "--storage-only",
    is_flag=True,
    help="bf16: store weights in bfloat16 and compute in float32, which runs everywhere.",
)
@click.option(
    "--external-data",
    type=click.Choice(["auto", "always", "never"]),
    help="Write weights to a file of their own beside the model; auto does from the size below "
    "on.  [default: always if the float model's are, else auto]",
)
@click.option(
    "--external-data-size",
    metavar="MB",
    type=FiniteRange(min=0),
    default=_DATA_SIZE,
    show_default=True,
    help="Megabytes of weights from which --external-data auto, which this stands for, uses a file "
    "of its own.",
)
@click.option(
    "--external-data-name",
    metavar="NAME",
    help="Name of that file. With --force it is replaced before the model is, so that a run that "
    "is killed can leave an old model with new weights.  [default: MODEL.HASH.data, which each "
    "model has for itself]",
)
@click.option(
    "--target",
    default="ort-cpu",
    show_default=True,
    metavar="NAME",
    help="int8: runtime to place operators for.",
)
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Samples per inference when calibrating on --data.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def convert(
    *,
    model: Path,
    dtypes: tuple[str, ...],
    mode: Literal["static", "dynamic", "weight-only"] | None,
    calibration: Path | None,
    data: DataArguments,
    assume: dict[str, str],
    custom_ops: tuple[Path, ...],
    output: Path,
    int8: Int8Arguments,
    bias_correction: bool,
    activations: ActivationArguments,
    weights: WeightArguments,
    keep_float: tuple[str, ...],
    io_dtype: str,
    storage_only: bool,
    external_data: Literal["auto", "always", "never"] | None,
    external_data_size: float,
    external_data_name: str | None,
    target: str,
    batch_size: int,
    force: bool,
    quiet: bool,
) -> None:
    """Write variants of a float MODEL in other types.

    \b
    Examples:
      qconv convert model.onnx --dtype int8 --calibration model.qcal -o model.int8.onnx
      qconv convert model.onnx --dtype int8 --data calibration.npz -o model.int8.onnx
      qconv convert model.onnx --dtype int8 --mode dynamic -o model.int8.onnx
      qconv convert model.onnx --dtype int4 -o model.int4.onnx
      qconv convert model.onnx --dtype fp16 -o model.fp16.onnx
      qconv convert model.onnx --dtype bf16 --storage-only -o model.bf16.onnx
      qconv convert model.onnx --dtype int8 --dtype fp16 --calibration model.qcal -o out/
    """
    from qconv.cli.progress import make_progress
    from qconv.conversions.settings import DynamicSettings, Float32Settings, HalfSettings, Settings
    from qconv.errors import UsageError
    from qconv.graph.saving import Storage
    from qconv.outputs import check_output
    from qconv.pipeline import convert as run
    from qconv.pipeline.reads import ReadFiles
    from qconv.placement.targets import find_target

    def settings_of(dtype: str) -> Settings:
        if dtype in weight_only:
            return weights.settings(dtype, bias_correction=bias_correction)
        if dtype == "int8" and mode == "dynamic":
            return DynamicSettings(int8.portable, weights.embeddings)
        if dtype == "int8":
            return activations.applied(int8.settings(weights, bias_correction=bias_correction))
        if dtype == "fp16":
            return HalfSettings("fp16", keep_float, io_dtype == "fp16", storage_only)
        if dtype == "bf16":
            return HalfSettings("bf16", keep_float, io_dtype == "bf16", storage_only)
        return Float32Settings()

    wanted = tuple(dict.fromkeys(dtypes))
    if mode is not None and "int8" not in wanted:
        raise UsageError("--mode goes with --dtype int8; the smaller types are for weights alone")
    weight_only = {dtype for dtype in wanted if dtype in WEIGHT_TYPES}
    if mode != "weight-only":
        weight_only.discard("int8")
    static = "int8" in wanted and mode in (None, "static")
    if data.data and calibration is not None:
        raise UsageError("--data and --calibration exclude each other")
    if static and not data.data and calibration is None:
        raise UsageError("--calibration or --data is needed", hint="qconv calibrate makes a record")
    if len(wanted) > 1 and not output.is_dir():
        hint = None if output.exists() else "create the folder first"
        raise UsageError(f"{output}: several types need a folder as output", hint=hint)
    if io_dtype not in ("fp32", *wanted):
        raise UsageError(f"--io {io_dtype} goes with --dtype {io_dtype}")
    if storage_only and "fp16" in wanted:
        raise UsageError("--storage-only goes with --dtype bf16, not with fp16")
    if external_data_size != _DATA_SIZE and external_data is None:
        external_data = "auto"
    if external_data_name is not None:
        if len(wanted) > 1:
            raise UsageError("--external-data-name goes with one --dtype alone")
        external_data = external_data or "always"
    unread = unread_options(
        wanted, weight_only, bool(data.data), int8.method, external_data, dynamic=mode == "dynamic"
    )
    refuse_unread(click.get_current_context(), unread)
    find_target(target)
    named = data.named()
    settings = {dtype: settings_of(dtype) for dtype in wanted}
    outputs = {
        dtype: output / f"{model.stem}.{dtype}.onnx" if output.is_dir() else output
        for dtype in wanted
    }
    reads = ReadFiles(
        [("the float model", model)], [("the record", calibration)], named, custom_ops
    )
    for path in outputs.values() if len(outputs) > 1 else ():  # all, before the first is begun
        check_output(path, force=force, reads=reads)
    storage = None
    if external_data is not None:
        storage = Storage(external_data, int(external_data_size * 1e6), external_data_name)
    for dtype, path in outputs.items():
        conversion = run(
            model,
            path,
            calibration=None if dtype == "fp32" else calibration,
            data=named if data.data and dtype != "fp32" else None,
            settings=settings[dtype],
            assume=assume,
            custom_ops=custom_ops,
            target=target,
            batch_size=batch_size,
            storage=storage,
            force=force,
            progress=make_progress(quiet=quiet),
        )
        if not quiet:
            words = f"with {dtype} weights" if dtype in weight_only else _WORDS[dtype]
            print_conversion(conversion, words)


_WORDS = {"int8": "in integers", "fp16": "in float16", "bf16": "in bfloat16", "fp32": "in float32"}
