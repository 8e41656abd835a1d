"""``qconv report``: what variants of a model cost and gain, and whether that passes the gates."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qconv.cli.click_options import GroupedCommand, GroupedOption, named_data, recipe_options
from qconv.cli.delivery import Files, file_option, tell_github
from qconv.cli.paths import FilePath
from qconv.cli.terminal import console
from qconv.recipe.keywords import DATA_KEYWORDS, TASK_KEYWORDS
from qconv.recipe.resolve import Chosen
from qconv.recipe.sources import ConvertSettings, ModelSettings, RunSettings
from qconv.recipe.tasks import TaskSettings

if TYPE_CHECKING:
    from qconv.reporting.report_data import Report


class _ReportCommand(GroupedCommand):
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
@click.argument("model", type=FilePath())
@click.argument("variants", metavar="VARIANT...", nargs=-1, required=True, type=FilePath())
@recipe_options(
    (*DATA_KEYWORDS, *TASK_KEYWORDS, "assume", "custom_ops", "calibration", "undecided"),
    recipe=True,
    told={
        "calibration": "The record that the variants were calibrated with: the report says which "
        "samples are in both."
    },
    also=("fail_if", "metric", "latency"),
    tests=True,
)
@click.option(
    "--fail-if",
    metavar="EXPRESSION",
    multiple=True,
    help="Exit with 1 if this is true for a variant. It has metrics, numbers, + - * /, < <= > >= "
    "== !=, and, or, not, parentheses; 'top1_drop > 0.5 with 95%' fails only if the data show "
    "it with 95 % confidence. Repeat for several gates; all are judged.",
)
@click.option(
    "--baseline",
    metavar="FILE",
    type=FilePath(),
    help="An earlier JSON report; gates refer to its numbers as baseline.size_mb and so on.",
)
@click.option(
    "--metric",
    "metrics",
    metavar="FILE:FUNCTION",
    multiple=True,
    help="Average FUNCTION(outputs, sample) -> float over the samples: outputs maps names to "
    "arrays, sample has feeds and label; with a third parameter named reference it gets the float "
    "model's outputs, too. Repeat for several.",
)
@click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, 4096),
    default=1,
    show_default=True,
    help="Threads for the timed inferences.",
)
@click.option(
    "--runs",
    metavar="N",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Timed inferences per model.",
)
@click.option(
    "--batch-size",
    "--batch",
    "batch",
    cls=GroupedOption,
    group="Other",
    old=["--batch"],
    metavar="N",
    type=click.IntRange(min=1),
    help="Samples per timed inference.  [default: as in the data]",
)
@click.option(
    "--provider",
    metavar="NAME",
    default="cpu",
    show_default=True,
    help="Execution provider of ONNX Runtime that the models run on, such as cuda.",
)
@click.option("--no-latency", is_flag=True, help="Do not measure times.")
@click.option(
    "--layers",
    is_flag=True,
    help="Show the error of each quantized value, from its operator alone and with all errors "
    "before it. This shows where error enters and where it grows.",
)
@file_option(
    "json", "Write the report as JSON; - means standard output, and nothing else goes there."
)
@file_option("markdown", "Write the report as Markdown, for a pull request; - as above.")
@file_option("junit", "Write the verdicts as JUnit XML, one test case per verdict; - as above.")
@file_option("html", "Write the report as one HTML page; needs the html extra.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def report(
    context: click.Context,
    *,
    model: Path,
    variants: tuple[Path, ...],
    chosen: Chosen,
    fail_if: tuple[str, ...],
    baseline: Path | None,
    metrics: tuple[str, ...],
    threads: int,
    runs: int,
    batch: int | None,
    provider: str,
    no_latency: bool,
    layers: bool,
    json_file: Path | None,
    markdown_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
    quiet: bool,
) -> None:
    """Compare each VARIANT with its float MODEL: size, accuracy, error, latency.

    It also says which quantized operators the runtime computes in integers, and why not the others.

    \b
    Example:
      qconv report model.onnx model.int8.onnx --data images/
          --fail-if "top1_drop > 1.0" --fail-if "size_ratio > 0.30"
    """
    from qconv import pipeline
    from qconv.cli.progress_bar import make_progress
    from qconv.evaluation.custom import metric_scripts
    from qconv.pipeline.reads import ReadFiles

    asked = chosen.build(RunSettings)
    fail_if, metrics = fail_if or asked.fail_if, metrics or asked.metric
    files = Files(json_file, markdown_file, junit_file, html_file)
    named, given = named_data(chosen, model, quiet=quiet), chosen.build(ModelSettings)
    record, task = chosen.build(ConvertSettings).calibration, chosen.build(TaskSettings)
    reads = ReadFiles(
        [("the float model", model), *(("a variant", variant) for variant in variants)],
        [
            ("the baseline", baseline),
            ("the record", record),
            *(("the script of a metric", script) for script in metric_scripts(metrics)),
            *(("what reads boxes", file) for file in task.files),
        ],
        named,
        given.custom_ops,
    )
    files.check(reads)
    result = pipeline.report(
        model,
        variants,
        data=named,
        assume=given.constants,
        custom_ops=given.custom_ops,
        calibration=record,
        fail_if=fail_if,
        baseline=baseline,
        undecided=asked.undecided,
        metrics=metrics,
        threads=threads,
        runs=runs,
        batch=batch,
        provider=provider,
        latency=not no_latency and asked.latency,
        settings=task,
        details=json_file is not None or html_file is not None,
        layers=layers,
        command=shlex.join(["qconv", *sys.argv[1:]]),
        progress=make_progress(quiet=quiet),
    )
    files.write(result, reads)
    _show(result, tables=not files.takes_stdout)
    tell_github(result)
    context.exit(result.exit_code)


def _show(result: Report, *, tables: bool) -> None:
    """Print the tables; without them, only the verdicts, on standard error."""
    from qconv.reporting.terminal_view import print_report, print_verdicts

    if tables:
        print_report(result, console())
    else:
        print_verdicts(result, console(err=True))
