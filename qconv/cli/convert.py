"""``qconv convert``: write quantized models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from qconv.cli.data_options import DataArguments, data_options

if TYPE_CHECKING:
    from qconv.pipeline import Conversion


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(["int8"]),
    multiple=True,
    required=True,
    help="Type to convert to; may be repeated.",
)
@click.option(
    "--calibration",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A record that qconv calibrate wrote for this model.",
)
@data_options(required=False)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The model to write, or a folder, which gets MODEL.DTYPE.onnx.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "minmax", "percentile", "entropy", "mse"]),
    default="auto",
    show_default=True,
    help="How ranges are read from the statistics; auto takes, for each value, the least squared "
    "error among ranges that clip at most 0.01 % of the data.",
)
@click.option(
    "--percentile",
    metavar="P",
    type=click.FloatRange(50, 100, min_open=True),
    default=99.99,
    show_default=True,
    help="Percent of the data inside the range, for --method percentile.",
)
@click.option(
    "--bias-correction/--no-bias-correction",
    default=True,
    show_default=True,
    help="Take the mean error of the rounded weights out of the biases.",
)
@click.option(
    "--portable/--no-portable",
    default=True,
    show_default=True,
    help="Scale weights so that 16-bit sums cannot saturate on x64 CPUs without VNNI, where a "
    "file made without it can lose many points of accuracy.",
)
@click.option(
    "--target",
    default="ort-cpu",
    show_default=True,
    metavar="NAME",
    help="Runtime to place operators for.",
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
    calibration: Path | None,
    data: DataArguments,
    output: Path,
    method: Literal["auto", "minmax", "percentile", "entropy", "mse"],
    percentile: float,
    bias_correction: bool,
    portable: bool,
    target: str,
    batch_size: int,
    force: bool,
    quiet: bool,
) -> None:
    """Write INT8 variants of a float MODEL, from a calibration record or straight from data.

    \b
    Examples:
      qconv convert model.onnx --dtype int8 --calibration model.qcal -o model.int8.onnx
      qconv convert model.onnx --dtype int8 --data calibration.npz -o out/
    """
    from qconv.cli.progress import make_progress
    from qconv.errors import UsageError
    from qconv.pipeline import Int8Settings
    from qconv.pipeline import convert as run

    if data.data and calibration is not None:
        raise UsageError("--data and --calibration exclude each other")
    if not data.data and calibration is None:
        raise UsageError("--calibration or --data is needed", hint="qconv calibrate makes a record")
    settings = Int8Settings(method, percentile, bias_correction, portable)
    for dtype in dict.fromkeys(dtypes):
        conversion = run(
            model,
            output / f"{model.stem}.{dtype}.onnx" if output.is_dir() else output,
            calibration=calibration,
            data=data.open if data.data else None,
            settings=settings,
            target=target,
            batch_size=batch_size,
            force=force,
            progress=make_progress(quiet=quiet),
        )
        if not quiet:
            _print(conversion)


def _print(conversion: Conversion) -> None:
    from qconv.placement.plan import count_nodes

    plan = conversion.plan
    click.echo(
        f"{conversion.path}: {conversion.size_bytes / 1e6:.2f} MB, "
        f"{conversion.size_bytes / conversion.float_bytes:.3f} of the float model's "
        f"{conversion.float_bytes / 1e6:.2f} MB; ranges by {conversion.method}"
    )
    click.echo(f"{len(plan.quantized)} of {len(plan.nodes)} operators in integers")
    for (op, reason), (count, _) in list(count_nodes(plan.kept_float).items())[:_SHOWN_REASONS]:
        click.echo(f"  {count} x {op} in float: {reason}")
    hidden = len(count_nodes(plan.kept_float)) - _SHOWN_REASONS
    if hidden > 0:
        click.echo(f"  and {hidden} more reasons, which qconv inspect lists")


_SHOWN_REASONS = 5
