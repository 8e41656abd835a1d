"""``qconv tune``: say what you need, get the best file that holds it."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qconv.cli.click_options import GroupedCommand, named_data, recipe_options
from qconv.cli.delivery import Files, file_option, tell_github, write_text
from qconv.cli.paths import FilePath, OutputPath
from qconv.cli.terminal import complain, console, say
from qconv.errors import UsageError
from qconv.recipe.keywords import DATA_KEYWORDS, TASK_KEYWORDS
from qconv.recipe.resolve import Chosen
from qconv.recipe.sources import ModelSettings, RunSettings
from qconv.recipe.tasks import TaskSettings

if TYPE_CHECKING:
    from qconv.pipeline.tuning import Tuned

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SHOWN_LAYERS = 8


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float:
    """Read ``90s``, ``10m`` or ``2h``; a number alone is seconds."""
    if value is None:
        return float("inf")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value)
    if found is None:
        raise UsageError(f"`max_time` is '{value}'; write it as 90s, 10m or 2h")
    return float(found[1]) * _SECONDS[found[2] or "s"]


def _megabytes(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read ``3MB``, ``800kB`` or ``3``, in megabytes of 1,000,000 bytes."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(MB|kB|)", value)
    if found is None:
        raise UsageError(f"`max_size` is '{value}'; write it as 3MB or 800kB")
    return float(found[1]) / (1000 if found[2] == "kB" else 1)


@click.command(cls=GroupedCommand)
@click.argument("model", type=FilePath())
@recipe_options(
    (*DATA_KEYWORDS, *TASK_KEYWORDS, "assume", "custom_ops"),
    recipe=True,
    also=("test_data", "fail_if", "metric"),
)
@click.option(
    "--objective",
    type=click.Choice(["speed", "size", "accuracy"]),
    required=True,
    help="What to optimize among the files that meet all limits. speed: keep as few layers in "
    "float as the gates allow. size: give layers 4-bit weights. accuracy: lose as little as "
    "possible within --max-size or --min-speedup. All three also try other kinds of files: "
    "inputs quantized at run time, and weight-only.",
)
@click.option(
    "--fail-if",
    metavar="EXPRESSION",
    multiple=True,
    help="A gate that the file must pass, as in qconv report. May be repeated.",
)
@click.option(
    "--metric",
    "metrics",
    metavar="FILE:FUNCTION",
    multiple=True,
    help="FUNCTION(outputs, sample, reference) -> float for gates, as for qconv report.",
)
@click.option("--max-size", metavar="SIZE", callback=_megabytes, help="Largest file: 3MB, 800kB.")
@click.option(
    "--min-speedup",
    metavar="N",
    type=float,
    help="Smallest allowed speed-up over the float model, in processor time of one thread.",
)
@click.option(
    "--max-time",
    metavar="TIME",
    callback=_seconds,
    help="Stop measuring after 90s, 10m or 2h; the best file so far is written either way.",
)
@click.option(
    "--effort",
    type=click.Choice(["fast", "balanced", "best"]),
    default="best",
    show_default=True,
    help="The most effort to spend on rounding weights, as in qconv convert; best rounds in "
    "sequence only if less is not enough.",
)
@click.option(
    "--test", metavar="DATA", multiple=True, help="Samples that only the final verdict uses."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Reuse what an earlier search has measured (OUTPUT.trials.json), also for another goal.",
)
@click.option(
    "--save-plan",
    metavar="FILE",
    type=OutputPath(),
    help="Write the chosen plan as JSON; qconv convert --plan makes the file again from it.",
)
@file_option("json", "Write the report of the verdict as JSON; - means standard output.")
@file_option("html", "Write it as one HTML page, with plots of what the search has measured.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Write nothing; show what each layer loses alone, why, and what it costs to avoid that.",
)
@click.option("-o", "--output", metavar="FILE", type=OutputPath(), help="The file to write.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
@click.pass_context
def tune(
    context: click.Context,
    /,
    *,
    model: Path,
    chosen: Chosen,
    output: Path | None,
    test: tuple[str, ...],
    save_plan: Path | None,
    json_file: Path | None,
    html_file: Path | None,
    quiet: bool,
    **asked: Any,
) -> None:
    """Search for the best file of a float MODEL that meets a goal, by measuring.

    It tries INT8 with layers in float or in four bits, INT8 quantized at run time, and
    weight-only in few bits.

    \b
    Examples:
      qconv tune model.onnx --data cal/ --objective speed --fail-if "top1_drop > 0.5" -o m.onnx
      qconv tune model.onnx --data cal/ --objective size --max-size 3MB -o m.onnx
      qconv tune model.onnx --data cal/ --objective accuracy --min-speedup 1.8 -o m.onnx
    """
    from dataclasses import replace

    from qconv.cli.progress_bar import make_progress
    from qconv.cli.sensitivity_text import print_sensitivities
    from qconv.conversions.workbench import Form
    from qconv.outputs import check_text_output
    from qconv.pipeline.goal import Goal
    from qconv.pipeline.sensitivity import sensitivities
    from qconv.pipeline.tuning import read_files
    from qconv.pipeline.tuning import tune as run

    data, given = named_data(chosen, model, quiet=quiet), chosen.build(ModelSettings)
    stated = chosen.build(RunSettings)
    test = test or stated.test_data
    goal = Goal(
        asked["objective"],
        asked["fail_if"] or stated.fail_if,
        asked["metrics"] or stated.metric,
        max_size=asked["max_size"],
        min_speedup=asked["min_speedup"],
        settings=chosen.build(TaskSettings),
    )
    tested = replace(data, specs=test, samples=None) if test else None
    if asked["dry_run"]:
        found = sensitivities(
            model,
            data=data,
            form=goal.form,
            effort=asked["effort"],
            assume=given.constants,
            custom_ops=given.custom_ops,
            progress=make_progress(quiet=quiet),
        )
        print_sensitivities(found, small=goal.form is Form.FOUR_BITS)
        return
    if output is None:
        raise UsageError("-o FILE is missing", hint="--dry-run shows the layers without one")
    reads = read_files(model, goal, data, tested, given.custom_ops)
    files = Files(json=json_file, html=html_file)
    files.check(reads)
    if save_plan is not None:
        check_text_output(save_plan, reads)
    tuned = run(
        model,
        output,
        data=data,
        goal=goal,
        test=tested,
        effort=asked["effort"],
        max_time=asked["max_time"],
        resume=asked["resume"],
        assume=given.constants,
        custom_ops=given.custom_ops,
        force=asked["force"],
        progress=make_progress(quiet=quiet),
    )
    verdict = replace(tuned.verdict, command=shlex.join(["qconv", *sys.argv[1:]]))
    files.write(verdict, reads)
    if save_plan is not None:
        write_text(save_plan, tuned.plan.text(), reads)
    if not quiet:
        _print(tuned)
    _print_verdicts(tuned, goal.min_speedup)
    tell_github(verdict)
    context.exit(verdict.exit_code if tuned.fast else verdict.exit_code or 1)


def _print(found: Tuned) -> None:
    """Print the front, what each layer alone does, and what was chosen."""
    from qconv.cli.sensitivity_text import named
    from qconv.cli.words import counted, size
    from qconv.conversions.workbench import Form
    from qconv.search.loss import decibels

    small = any(effect.form is Form.FOUR_BITS for effect in found.effects)
    if found.front:
        say("plans that no other plan beats:" if len(found.front) > 1 else "one plan beats all:")
        what = "in 8 bits" if small else "in float"
        for point in found.front:
            cost = size(round(point.cost)) if small else f"{1 / point.cost:.2f} times as fast"
            layers = counted(len(point.dear), "layer")
            say(f"  {cost}, {decibels(point.loss):.1f} dB, {layers} {what}")
    if found.effects:
        say(f"layers that lose most {'in 4 bits' if small else 'in 8 bits'}, each alone:")
    for each in found.effects[:_SHOWN_LAYERS]:
        say(f"  {named(each)}: {each.sqnr:.1f} dB")
    if found.kinds:
        say("files of other kinds:")
    for kind in found.kinds:
        misses = "misses a gate" if kind.kept.fast else "not fast enough"
        holds = "meets the goal" if kind.kept.holds else misses
        slow = "" if kind.kept.quick else ", no faster than the float model"
        speed = f"{1 / kind.slowness:.2f} times as fast"
        error = f"{kind.kept.typical:.1f} dB"
        say(f"  {kind.name}: {size(kind.kept.size)}, {speed}, {error}, {holds}{slow}")
    say(f"{found.path}: {size(found.size)}, {_chosen(found)}")
    if found.trials:
        again = f"reused {found.trials - found.made} from before"
        say(f"measured {counted(found.made, 'model')}, {again}")
    elif not found.verdict.exit_code:
        say("the first file meets the goal, so there was no search")


def _chosen(found: Tuned) -> str:
    """Return in words what the file is."""
    from qconv.cli.words import counted
    from qconv.conversions.workbench import Form

    for kind in found.kinds:
        if kind.is_file(found.settings):
            return kind.name
    forms = list(found.forms.values())
    kept, four = forms.count(Form.FLOAT), forms.count(Form.FOUR_BITS)
    parts = [f"{counted(kept, 'layer')} in float"] * bool(kept)
    parts += [f"{counted(four, 'layer')} in 4 bits"] * bool(four)
    return " and ".join(parts) or "all layers in 8 bits"


def _print_verdicts(found: Tuned, least: float | None) -> None:
    from qconv.reporting.terminal_view import print_verdicts

    print_verdicts(found.verdict, console(err=True))
    if not found.fast:
        complain(1, f"{found.path.name} FAILS: it is not {least:g} times as fast")
