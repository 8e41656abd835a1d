"""``qconv gate``: judge a report that was written before, without running any model."""

from __future__ import annotations

from pathlib import Path

import click

from qconv.cli.click_options import GroupedCommand, recipe_options
from qconv.cli.delivery import Files, file_option, tell_github
from qconv.cli.paths import FilePath
from qconv.cli.terminal import say
from qconv.recipe.resolve import Chosen
from qconv.recipe.sources import RunSettings


@click.command(cls=GroupedCommand)
@click.argument("report_file", metavar="REPORT.json", type=FilePath())
@click.option(
    "--fail-if",
    metavar="EXPRESSION",
    multiple=True,
    help="Exit with 1 if this is true for a variant, as in qconv report. Repeat for several gates. "
    "[default: the gates that the report was made with]",
)
@click.option(
    "--baseline",
    metavar="FILE",
    type=FilePath(),
    help="An earlier JSON report; gates refer to its numbers as baseline.size_mb and so on.",
)
@recipe_options(("undecided",))
@file_option("markdown", "Write the report as Markdown; - means standard output.")
@file_option("junit", "Write the verdicts as JUnit XML, one test case per verdict; - as above.")
@file_option("html", "Write the report as one HTML page; needs the html extra.")
@file_option("json", "Write the report with the new verdicts; - as above.")
@click.pass_context
def gate(
    context: click.Context,
    *,
    report_file: Path,
    fail_if: tuple[str, ...],
    baseline: Path | None,
    chosen: Chosen,
    markdown_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
    json_file: Path | None,
) -> None:
    """Judge a report that qconv report wrote as JSON. It runs no model, so it is quick.

    \b
    Example:
      qconv gate report.json --fail-if "size_ratio > 0.27" --fail-if "top1_drop > 0.5 with 95%"
      qconv gate report.json --baseline last.json --fail-if "size_mb > baseline.size_mb * 1.02"
    """
    from qconv.reporting.judging import judged_again
    from qconv.reporting.report_json import read_report
    from qconv.reporting.significance import undecided
    from qconv.reporting.verdicts import verdict_line

    files = Files(json_file, markdown_file, junit_file, html_file)
    given = [("the report", report_file), ("the baseline", baseline)]
    reads = [(what, file) for what, file in given if file is not None]
    files.check(reads)
    earlier = None if baseline is None else read_report(baseline)
    result = judged_again(
        read_report(report_file),
        fail_if,
        earlier,
        str(report_file),
        undecided_fails=chosen.build(RunSettings).undecided == "fail",
    )
    files.write(result, reads)
    for verdict in result.verdicts:
        say(verdict_line(verdict), err=files.takes_stdout)
    for sentence in undecided(result):
        say(sentence, err=files.takes_stdout)
    tell_github(result)
    context.exit(result.exit_code)
