"""``qconv calibrate``: statistics of a float model's inner values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from qconv.cli.assume_option import assume_option
from qconv.cli.custom_ops_option import custom_ops_option
from qconv.cli.data_options import DataArguments, data_options
from qconv.cli.paths import FilePath, OutputPath
from qconv.cli.terminal import say


@click.command()
@click.argument("model", type=FilePath())
@data_options()
@assume_option
@custom_ops_option
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=OutputPath(),
    help="The record to write, by custom named *.qcal.",
)
@click.option(
    "--statistics",
    type=click.Choice(["ranges", "histogram", "full"]),
    default="histogram",
    show_default=True,
    help="What to collect: ranges is faster and allows only --method minmax later on; full adds "
    "second moments of what layers read, which gptq, awq and adaround need.",
)
@click.option(
    "--values",
    type=click.Choice(["quantizable", "all"]),
    default="quantizable",
    show_default=True,
    help="Which values to look at: those that int8 needs, or all, from which fp16 also learns "
    "what would overflow.",
)
@click.option(
    "--target",
    default="ort-cpu",
    show_default=True,
    metavar="NAME",
    help="Runtime that the model will be converted for.",
)
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Samples per inference; more than one needs a model with a dynamic first axis. "
    "It does not change the statistics.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def calibrate(
    *,
    model: Path,
    data: DataArguments,
    assume: dict[str, str],
    custom_ops: tuple[Path, ...],
    output: Path,
    statistics: Literal["ranges", "histogram", "full"],
    values: Literal["quantizable", "all"],
    target: str,
    batch_size: int,
    force: bool,
    quiet: bool,
) -> None:
    """Run a float MODEL over data once and write what convert needs to know about its values.

    \b
    Examples:
      qconv calibrate model.onnx --data calibration.npz -o model.qcal
      qconv calibrate model.onnx --data images/ --image-preset imagenet-torch
          --samples 100 -o model.qcal
    """
    from qconv.cli.progress import make_progress
    from qconv.cli.words import counted
    from qconv.pipeline import calibrate as run

    record = run(
        model,
        data=data.named(),
        assume=assume,
        custom_ops=custom_ops,
        output=output,
        target=target,
        statistics=statistics,
        values=values,
        batch_size=batch_size,
        force=force,
        progress=make_progress(quiet=quiet),
    )
    if not quiet:
        say(
            f"{output}: {counted(len(record.samples), 'sample')}, "
            f"{statistics} of {counted(len(record.statistics), 'value')}"
        )
