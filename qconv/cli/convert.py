"""``qconv convert``: write quantized models."""

from __future__ import annotations

from pathlib import Path

import click

from qconv.cli.click_options import GroupedCommand, named_data, recipe_options
from qconv.cli.conversion_text import print_conversion
from qconv.cli.paths import FilePath, OutputPath
from qconv.cli.words import became
from qconv.errors import UsageError
from qconv.recipe.options import HALF, INT8, OPTIONS, TYPES, WEIGHTS
from qconv.recipe.resolve import Chosen, conversions
from qconv.recipe.settings import Float32Settings, Int8Settings, dtype_of
from qconv.recipe.sources import CalibrateSettings, ConvertSettings, ModelSettings


@click.command(cls=GroupedCommand)
@click.argument("model", type=FilePath())
@recipe_options(OPTIONS.keys() - {"statistics", "values", "keep_samples"}, recipe=True)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=FilePath(),
    help="What qconv tune --save-plan has chosen, to be made again: type and settings are its own.",
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    type=OutputPath(),
    help="The model to write, or a folder, which gets MODEL.TYPE.onnx.  [default: MODEL.TYPE.onnx "
    "beside the model]",
)
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def convert(
    *,
    model: Path,
    chosen: Chosen,
    plan_file: Path | None,
    output: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Write variants of a float MODEL in other types.

    \b
    Examples:
      qconv convert model.onnx --data images/
      qconv convert model.onnx --dtype int8 --calibration model.qcal -o model.int8.onnx
      qconv convert model.onnx --dtype int8 --mode dynamic -o model.int8.onnx
      qconv convert model.onnx --dtype int4 -o model.int4.onnx
      qconv convert model.onnx --dtype fp16 -o model.fp16.onnx
      qconv convert model.onnx --dtype bf16 --storage-only -o model.bf16.onnx
      qconv convert model.onnx --dtype int8 --dtype fp16 --calibration model.qcal -o out/
      qconv convert model.onnx --recipe recipe.toml -o model.int8.onnx
    """
    from qconv.cli.progress_bar import make_progress
    from qconv.outputs import check_output
    from qconv.pipeline import convert as run
    from qconv.pipeline.planned import planned
    from qconv.pipeline.reads import ReadFiles
    from qconv.placement.targets.known import find_target

    given = chosen.build(ModelSettings)
    plan, settings = None, {} if plan_file is not None else conversions(chosen)
    if plan_file is not None:
        _refuse_beside_plan(chosen)
        made, plan = planned(model, plan_file, given.constants)
        settings[dtype_of(made)] = made
    record = chosen.build(ConvertSettings).calibration
    data = named_data(chosen, model, quiet=quiet) if "data" in chosen else None
    storage = chosen.storage()
    if data is not None and record is not None:
        raise UsageError("`data` and `calibration` exclude each other")
    if data is None and record is None and Int8Settings in map(type, settings.values()):
        raise UsageError("`calibration` or `data` is needed", hint="qconv calibrate makes a record")
    place = model.parent if output is None else output
    if len(settings) > 1 and not place.is_dir():
        hint = None if place.exists() else "create the folder first"
        raise UsageError(f"{place}: several types need a folder as output", hint=hint)
    if len(settings) > 1 and storage is not None and storage.name is not None:
        raise UsageError("`external_data_name` goes with one `dtype` alone")
    find_target(given.target)
    outputs = {
        dtype: place / f"{model.stem}.{dtype}.onnx" if place.is_dir() else place
        for dtype in settings
    }
    reads = ReadFiles(
        [("the float model", model)], [("the record", record)], data or (), given.custom_ops
    )
    for path in outputs.values() if len(outputs) > 1 else ():  # all, before the first is begun
        check_output(path, force=force, reads=reads)
    for dtype, path in outputs.items():
        float32 = isinstance(settings[dtype], Float32Settings)
        conversion = run(
            model,
            path,
            calibration=None if float32 else record,
            data=None if float32 else data,
            settings=settings[dtype],
            plan=plan,
            assume=given.constants,
            custom_ops=given.custom_ops,
            target=given.target,
            batch_size=chosen.build(CalibrateSettings).batch_size,
            storage=storage,
            force=force,
            progress=make_progress(quiet=quiet),
        )
        if not quiet:
            print_conversion(conversion, became(settings[dtype]))


def _refuse_beside_plan(chosen: Chosen) -> None:
    """Refuse options that a plan file has decided.

    Raises:
        UsageError: it names one.
    """
    for name in chosen.values:
        if OPTIONS[name].group in (TYPES, INT8, WEIGHTS, HALF) or name == "target":
            raise UsageError(
                f"`{name}` has no effect with `plan`, which has decided it",
                hint="run qconv tune again for another one",
            )
