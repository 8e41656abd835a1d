"""``qconv compare``: where two models, made by any tools, begin to differ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qconv.cli.click_options import GroupedCommand, named_data, recipe_options
from qconv.cli.delivery import STDOUT, Files, file_option, write_text
from qconv.cli.paths import FilePath
from qconv.cli.terminal import annotate, console
from qconv.printable import printable
from qconv.recipe.keywords import DATA_KEYWORDS
from qconv.recipe.resolve import Chosen
from qconv.recipe.sources import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from qconv.reporting.model_comparison import Comparison, ValueDifference

_AROUND = 5


def _decibels(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse NaN, since no value is below it; with ``inf`` every value that differs in a bit is."""
    if math.isnan(value):
        raise click.BadParameter("nan is not a number of dB.", context, parameter)
    return value


@click.command(cls=GroupedCommand)
@click.argument("first", metavar="A", type=FilePath())
@click.argument("second", metavar="B", type=FilePath())
@recipe_options((*DATA_KEYWORDS, "custom_ops"), recipe=True, tests=True)
@click.option(
    "--sqnr",
    metavar="DB",
    type=float,
    callback=_decibels,
    default=40.0,
    show_default=True,
    help="Values differ if their signal-to-noise ratio against A is below this, in dB. "
    "Equal float models reach about 100, INT8 models 20 to 40.",
)
@click.option("--all", "show_all", is_flag=True, help="Show all inner values.")
@click.option("--check", is_flag=True, help="Exit with 1 if an output is below --sqnr.")
@file_option(
    "json", "Write everything as JSON; - means standard output, and nothing else goes there."
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def compare(
    context: click.Context,
    *,
    first: Path,
    second: Path,
    chosen: Chosen,
    sqnr: float,
    show_all: bool,
    check: bool,
    json_file: Path | None,
    quiet: bool,
) -> None:
    """Run models A and B on the same data and find the first value in which they differ.

    Any two ONNX files work, such as exports of two versions, or a model and a tool's result.
    Outputs are compared on all samples, inner values on the first eight. Two values match if
    they have the same name, or if the same operators compute them from the same inputs.

    \b
    Example:
      qconv compare model.onnx other.onnx --data test.npz
    """
    from qconv.cli.progress_bar import make_progress
    from qconv.pipeline import compare as run
    from qconv.pipeline.reads import ReadFiles
    from qconv.reporting.model_comparison import described, to_json

    files = Files(json=json_file)
    named = named_data(chosen, first, quiet=quiet)
    custom_ops = chosen.build(ModelSettings).custom_ops
    reads = ReadFiles([("model A", first), ("model B", second)], (), named, custom_ops)
    files.check(reads)
    result = run(
        first,
        second,
        data=named,
        part_below=sqnr,
        custom_ops=custom_ops,
        progress=make_progress(quiet=quiet),
    )
    if json_file is not None:
        write_text(json_file, to_json(result), reads)
    if json_file != STDOUT:
        _print(result, show_all=show_all)
    parted = [described(output) for output in result.outputs if result.parts(output)]
    if check and parted:
        annotate(1, f"below {sqnr:g} dB: output {'; output '.join(parted)}")
    context.exit(int(check and bool(parted)))


def _print(result: Comparison, *, show_all: bool) -> None:
    from rich.text import Text

    from qconv.reporting.model_comparison import findings

    out = console()
    out.print(_table("output", result.outputs))
    out.print()
    shown = result.values if show_all else _nearby(result)
    if shown:
        out.print(_table("inner value", shown))
        out.print()
        hidden = len(result.values) - len(shown)
        if hidden:
            out.print(Text(f"{hidden} more inner values; --all shows them."))
    for sentence in findings(result):
        out.print(Text(sentence))


def _nearby(result: Comparison) -> Sequence[ValueDifference]:
    """Return the values around the first value that differs, else around the first change."""
    place = result.first_parted or result.first_different
    if place is None:
        return ()
    index = result.values.index(place)
    return result.values[max(0, index - _AROUND) : index + _AROUND + 1]


def _table(title: str, values: Sequence[ValueDifference]) -> Table:
    from rich import box
    from rich.table import Table

    from qconv.reporting.report_tables import decibels

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, side in ((title, "left"), ("operator", "left"), ("SQNR dB", "right"),
                       ("cosine", "right"), ("largest difference", "right")):  # fmt: skip
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    for value in values:
        named = value.name if value.other == value.name else f"{value.name} = {value.other}"
        same_shape = value.shape == value.other_shape
        shapes = f"{list(value.shape)}, {list(value.other_shape)}"
        cells = (
            named,
            value.op,
            ("same" if value.equal else decibels(value.sqnr_db)) if same_shape else shapes,
            f"{value.cosine:.6f}" if same_shape else "",
            f"{value.largest:.3g}" if same_shape else "",
        )
        table.add_row(*map(printable, cells))
    return table
