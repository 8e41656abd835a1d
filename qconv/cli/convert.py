"""``qconv convert``: write quantized models."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from qconv.cli.click_options import GroupedCommand, named_data, recipe_options
from qconv.cli.conversion_text import print_conversion
from qconv.cli.paths import FilePath
from qconv.cli.places import Place, PlaceParam, output_files
from qconv.cli.words import became
from qconv.errors import UsageError
from qconv.recipe.options import CALIBRATION, HALF, INT8, OPTIONS, RUN, TYPES, WEIGHTS
from qconv.recipe.resolve import Chosen, conversions
from qconv.recipe.settings import Float32Settings, Int8Settings, dtype_of
from qconv.recipe.sources import CalibrateSettings, ConvertSettings, ModelSettings


@click.command(cls=GroupedCommand)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=FilePath())
@recipe_options(
    [name for name, option in OPTIONS.items() if option.group not in (CALIBRATION, RUN)],
    recipe=True,
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=FilePath(),
    help="Make the file again that qconv tune --save-plan chose, with its type and settings.",
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    type=PlaceParam(),
    help="The model to write, or a folder for MODEL.TYPE.onnx, which is created if missing.  "
    "[default: MODEL.TYPE.onnx beside the model]",
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def convert(
    *,
    models: tuple[Path, ...],
    chosen: Chosen,
    plan_file: Path | None,
    output: Place | None,
    force: bool,
    quiet: bool,
) -> None:
    """Write variants of a float MODEL, or of all models in a folder, in other types.

    \b
    Examples:
      qconv convert model.onnx --data images/
      qconv convert models/ --dtype fp16 -o out/
      qconv convert model.onnx --dtype int8 --calibration model.qcal -o model.int8.onnx
      qconv convert model.onnx --dtype int8 --mode dynamic -o model.int8.onnx
      qconv convert model.onnx --dtype int4 -o model.int4.onnx
      qconv convert model.onnx --dtype fp16 -o model.fp16.onnx
      qconv convert model.onnx --dtype bf16 --storage-only -o model.bf16.onnx
      qconv convert model.onnx --dtype int8 --dtype fp16 --calibration model.qcal -o out/
      qconv convert model.onnx --recipe recipe.toml -o model.int8.onnx
    """
    from qconv.cli.progress_bar import make_progress
    from qconv.outputs import check_output, made_folder
    from qconv.pipeline import convert as run
    from qconv.pipeline.models import models_in
    from qconv.pipeline.planned import planned
    from qconv.pipeline.reads import ReadFiles
    from qconv.placement.targets.known import find_target

    given = chosen.build(ModelSettings)
    found = models_in(models)
    plan, settings = None, {} if plan_file is not None else conversions(chosen)
    record = chosen.build(ConvertSettings).calibration
    if len(found) > 1:
        for name, file in (("plan", plan_file), ("calibration", record)):
            if file is not None:
                raise UsageError(f"`{name}` is for one model, but {len(found)} are given")
    if plan_file is not None:
        _refuse_beside_plan(chosen)
        made_by, plan = planned(found[0], plan_file, given.constants)
        settings[dtype_of(made_by)] = made_by
    has_data, storage = "data" in chosen, chosen.storage()
    if has_data and record is not None:
        raise UsageError("give `data` or `calibration`, not both")
    if not has_data and record is None and Int8Settings in map(type, settings.values()):
        raise UsageError("`calibration` or `data` is needed", hint="qconv calibrate makes a record")
    outputs = output_files(found, settings, output)
    if len(outputs) > 1 and storage is not None and storage.name is not None:
        one = "one `dtype`" if len(found) == 1 else "one model"
        raise UsageError(f"`external_data_name` is for {one} only")
    find_target(given.target)
    data = {model: named_data(chosen, model, quiet=quiet) if has_data else None for model in found}
    with contextlib.ExitStack() as folders:
        for folder in dict.fromkeys(path.parent for path in outputs.values()):
            if output is not None and folder == output.path:
                folders.enter_context(made_folder(folder))
        for (model, _), path in outputs.items() if len(outputs) > 1 else ():  # before any is begun
            float_model = ("the float model", model)
            reads = ReadFiles(
                [float_model], [("the record", record)], data[model], given.custom_ops
            )
            check_output(path, force=force, reads=reads)
        for (model, dtype), path in outputs.items():
            float32 = isinstance(settings[dtype], Float32Settings)
            conversion = run(
                model,
                path,
                calibration=None if float32 else record,
                data=None if float32 else data[model],
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
                f"`{name}` has no effect with `plan`, which already sets it",
                hint="run qconv tune again for another plan",
            )
