"""``qconv calibrate``: statistics of a float model's inner values."""

from __future__ import annotations

from pathlib import Path

import click

from qconv.cli.click_options import GroupedCommand, named_data, recipe_options
from qconv.cli.paths import FilePath, OutputPath
from qconv.recipe.keywords import DATA_KEYWORDS
from qconv.recipe.resolve import Chosen
from qconv.recipe.sources import CalibrateSettings, ModelSettings


@click.command(cls=GroupedCommand)
@click.argument("model", type=FilePath())
@recipe_options(
    (
        *DATA_KEYWORDS,
        "assume",
        "custom_ops",
        "target",
        "statistics",
        "values",
        "keep_samples",
        "batch_size",
    ),
    recipe=True,
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=OutputPath(),
    help="The record to write, usually named *.qcal.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def calibrate(*, model: Path, chosen: Chosen, output: Path, force: bool, quiet: bool) -> None:
    """Run a float MODEL on data once and write the statistics that convert needs.

    \b
    Examples:
      qconv calibrate model.onnx --data calibration.npz -o model.qcal
      qconv calibrate model.onnx --data images/ --image-preset imagenet-torch
          --samples 100 -o model.qcal
    """
    from qconv.cli.conversion_text import print_record
    from qconv.cli.progress_bar import make_progress
    from qconv.pipeline import calibrate as run

    given, collected = chosen.build(ModelSettings), chosen.build(CalibrateSettings)
    record = run(
        model,
        data=named_data(chosen, model, quiet=quiet),
        assume=given.constants,
        custom_ops=given.custom_ops,
        output=output,
        target=given.target,
        statistics=collected.statistics,
        values=collected.values,
        keep_samples=collected.keep_samples,
        batch_size=collected.batch_size,
        force=force,
        progress=make_progress(quiet=quiet),
    )
    if not quiet:
        print_record(output, record)
