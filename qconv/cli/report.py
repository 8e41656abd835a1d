"""``qconv report``: what variants of a model cost and gain, and whether that passes the gates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qconv.cli.assume_option import assume_option
from qconv.cli.data_options import DataArguments, data_options

if TYPE_CHECKING:
    from qconv.reporting.record import Report

_STDOUT = Path("-")


class _ReportCommand(click.Command):
    """A command whose help ends with the metrics that gates may name."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of metrics after the options."""
        from qconv.reporting.catalog import METRICS

        super().format_epilog(ctx, formatter)
        rows = [(metric.name, f"{metric.meaning}  [{metric.unit}]") for metric in METRICS]
        rows.append(("FUNCTION", "mean of the function of --metric  [its own unit]"))
        rows.append(("FUNCTION_drop", "the float model's mean minus that of the variant"))
        with formatter.section("Metrics for --fail-if"):
            formatter.write_dl(rows)


@click.command(cls=_ReportCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "variants", metavar="VARIANT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@data_options()
@assume_option
@click.option(
    "--fail-if",
    metavar="EXPRESSION",
    multiple=True,
    help="Exit with 1 if this is true of a variant: metrics and numbers, < <= > >= == !=, and, "
    "or, not, parentheses. Repeat for several gates; all are judged.",
)
@click.option(
    "--metric",
    "metrics",
    metavar="FILE:FUNCTION",
    multiple=True,
    help="Average FUNCTION(outputs, sample) -> float over the samples: outputs maps names to "
    "arrays, sample has feeds and label. Repeat for several.",
)
@click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads of the timed inferences.",
)
@click.option(
    "--runs",
    metavar="N",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Timed inferences of each model.",
)
@click.option("--no-latency", is_flag=True, help="Do not time.")
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write the report as JSON; - is standard output, then with nothing else on it.",
)
@click.option(
    "--markdown",
    "markdown_file",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write the report as Markdown, for a pull request; - as above.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def report(
    context: click.Context,
    *,
    model: Path,
    variants: tuple[Path, ...],
    data: DataArguments,
    assume: dict[str, str],
    fail_if: tuple[str, ...],
    metrics: tuple[str, ...],
    threads: int,
    runs: int,
    no_latency: bool,
    json_file: Path | None,
    markdown_file: Path | None,
    quiet: bool,
) -> None:
    """Compare each VARIANT of a float MODEL with it: size, accuracy, error, latency.

    Also tells which quantized operators the runtime computes in integers, and why others not.

    \b
    Example:
      qconv report model.onnx model.int8.onnx --data images/
          --fail-if "top1_drop > 1.0" --fail-if "size_ratio > 0.30"
    """
    from qconv import pipeline
    from qconv.cli.progress import make_progress

    _check_files((model, *variants), json_file, markdown_file)
    result = pipeline.report(
        model,
        variants,
        data=data.open,
        assume=assume,
        fail_if=fail_if,
        metrics=metrics,
        threads=threads,
        runs=runs,
        latency=not no_latency,
        progress=make_progress(quiet=quiet),
    )
    _write(result, json_file, markdown_file)
    context.exit(result.exit_code)


def _check_files(models: Sequence[Path], *files: Path | None) -> None:
    """Refuse output files that cannot be written, before any work.

    A report that exists is replaced; a model never is.

    Raises:
        UsageError: two outputs on one file, or an output on a model.
        OutputError: a file cannot be written.
    """
    from qconv.errors import UsageError
    from qconv.outputs import check_output

    chosen = [file for file in files if file is not None]
    taken = {model.absolute() for model in models}
    for file in chosen:
        if file != _STDOUT and file.absolute() in taken:
            raise UsageError(f"{file}: is one of the models, or named for two outputs")
        taken.add(file.absolute())
        if file != _STDOUT:
            check_output(file, force=True)
    if chosen.count(_STDOUT) > 1:
        raise UsageError("--json and --markdown cannot both write to standard output")


def _write(result: Report, json_file: Path | None, markdown_file: Path | None) -> None:
    """Write what was asked for; the tables go to standard output unless a file took it."""
    from rich.console import Console

    from qconv.reporting.markdown import to_markdown
    from qconv.reporting.record import to_json
    from qconv.reporting.terminal import print_report, print_verdicts

    if json_file is not None:
        _write_text(json_file, to_json(result))
    if markdown_file is not None:
        _write_text(markdown_file, to_markdown(result))
    if _STDOUT in (json_file, markdown_file):
        print_verdicts(result, Console(stderr=True))
    else:
        print_report(result, Console())


def _write_text(file: Path, text: str) -> None:
    from qconv.outputs import staged

    if file == _STDOUT:
        click.echo(text, nl=False)
        return
    with staged(file, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
