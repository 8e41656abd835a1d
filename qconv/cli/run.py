"""``qconv run``: all that a recipe says, and again only what has changed."""

from __future__ import annotations

import click

from qconv.cli.click_options import GroupedCommand, recipe_options
from qconv.cli.terminal import console
from qconv.recipe.options import OPTIONS
from qconv.recipe.resolve import Chosen

RECIPE = "qconv.toml"


@click.command(cls=GroupedCommand)
@recipe_options(OPTIONS.keys(), recipe=True, default=RECIPE)
@click.option("--dry-run", is_flag=True, help="Show what would be made, and why; write nothing.")
@click.option(
    "-f",
    "--force",
    is_flag=True,
    help="Replace files in the folder that no run has made.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
@click.pass_context
def run(context: click.Context, *, chosen: Chosen, dry_run: bool, force: bool, quiet: bool) -> None:
    """Calibrate, convert, report and judge as a recipe says; redo only what has changed.

    \b
    Examples:
      qconv init model.onnx --data images/ --test-data val/    # writes qconv.toml
      qconv run --dry-run
      qconv run
    """
    from qconv.cli.delivery import tell_github
    from qconv.cli.progress_bar import make_progress
    from qconv.cli.run_text import Teller
    from qconv.pipeline.running import run as run_recipe
    from qconv.pipeline.watcher import Watcher
    from qconv.reporting.terminal_view import print_report, print_verdicts

    watcher = Watcher() if quiet and not dry_run else Teller(dry_run)
    reports = run_recipe(
        chosen, dry_run=dry_run, force=force, watcher=watcher, progress=make_progress(quiet=quiet)
    )
    for report in reports:
        if not quiet:
            print_report(report, console())
        elif report.exit_code:
            print_verdicts(report, console(err=True))
        tell_github(report)
    context.exit(max((report.exit_code for report in reports), default=0))
