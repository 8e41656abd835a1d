"""``qconv init``: a recipe for a model, to be edited and run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qconv.cli.click_options import GroupedCommand, recipe_options
from qconv.cli.paths import FilePath, OutputPath
from qconv.cli.run import RECIPE
from qconv.cli.terminal import say
from qconv.errors import QconvError
from qconv.recipe.options import OPTIONS
from qconv.recipe.resolve import Chosen
from qconv.recipe.sources import ModelSettings, RunSettings
from qconv.recipe.spelling import with_flags

if TYPE_CHECKING:
    import onnx_ir as ir

    from qconv.graph.summary import PortSummary


@click.command(cls=GroupedCommand)
@click.argument("model", type=FilePath())
@recipe_options(OPTIONS.keys() - {"model", "output"})
@click.option(
    "-o",
    "--output",
    "recipe",
    metavar="FILE",
    type=OutputPath(),
    default=RECIPE,
    show_default=True,
    help="The recipe to write.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing recipe.")
def init(*, model: Path, chosen: Chosen, recipe: Path, force: bool) -> None:
    """Write a recipe for a float MODEL: the options that you give, and others as comments.

    \b
    Examples:
      qconv init model.onnx
      qconv init model.onnx --data images/ --test-data val/ --fail-if "top1_drop > 1.0"
    """
    from qconv.graph.model_io import load_model
    from qconv.graph.summary import summarize
    from qconv.outputs import check_text_output, staged
    from qconv.recipe.template import About, recipe_text
    from qconv.reporting.judging import read_gates

    loaded = load_model(model, quantized=True).ir
    summary = summarize(loaded)
    about = About(
        [_told(port) for port in summary.inputs],
        [_told(port) for port in summary.outputs],
        images=len(summary.inputs) == 1 and _takes_images(summary.inputs[0]),
    )
    run_settings = chosen.build(RunSettings)
    read_gates(run_settings.fail_if, [name.rpartition(":")[2] for name in run_settings.metric])
    text = recipe_text(model, about, chosen.values, recipe.parent)
    check_text_output(recipe, [("the model", model)])
    with staged(recipe, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8")
    found = [_fault(each, model, loaded) for each in (chosen, chosen.for_tests()) if "data" in each]
    for error in {str(error): error for error in found if error is not None}.values():
        say(with_flags(f"qconv: warning: qconv run would fail: {error}"), err=True)
        if error.hint:
            say(with_flags(f"hint: {error.hint}"), err=True)
    say(f"{recipe}: written; edit it, then: qconv run" + ("" if str(recipe) == RECIPE else
        f" --recipe {recipe}"))  # fmt: skip


def _fault(chosen: Chosen, model: Path, loaded: ir.Model) -> QconvError | None:
    """Return why data cannot feed the model as chosen; functions are not called."""
    from qconv.graph.summary import input_specs
    from qconv.pipeline.chosen_data import chosen_data

    fixed = chosen.build(ModelSettings).constants
    try:
        data = chosen_data(chosen, model)
        if not any(":" in place for place in data.specs):
            data([spec for spec in input_specs(loaded) if spec.name not in fixed])
    except QconvError as error:
        return error
    return None


def _told(port: PortSummary) -> str:
    axes = "of any shape" if port.shape is None else f"[{', '.join(map(str, port.shape))}]"
    return f"{port.name} {port.type} {axes}"


def _takes_images(port: PortSummary) -> bool:
    shape = port.shape or ()
    channels = {1, 3}.intersection(axis for axis in shape[-3:] if isinstance(axis, int))
    return len(shape) in (3, 4) and bool(channels) and port.type in ("float32", "uint8")
