"""``qconv inspect``: what a model holds, and what would be quantized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qconv.cli.click_options import GroupedCommand, recipe_options
from qconv.cli.paths import FilePath
from qconv.cli.terminal import print_table, say, show
from qconv.errors import UsageError
from qconv.recipe.resolve import Chosen, conversions
from qconv.recipe.settings import Int8Settings, Settings, dtype_of
from qconv.recipe.sources import ConvertSettings, ModelSettings

if TYPE_CHECKING:
    from qconv.graph.summary import PortSummary
    from qconv.observers.outliers import Outliers
    from qconv.pipeline import Inspection


@click.command(cls=GroupedCommand)
@click.argument("model", type=FilePath())
@recipe_options(
    (
        *("assume", "target", "calibration", "dtype", "mode", "weights", "reduce_range"),
        *(
            "activations",
            "granularity",
            "block_size",
            "embeddings",
            "format",
            "float_layers",
            "layers",
        ),
        *("io", "storage_only"),
    ),
    recipe=True,
    told={
        "dtype": "The type to check, as for qconv convert.",
        "calibration": "A record that qconv calibrate wrote for this model. Shows which input "
        "channels of matrix products are far larger than the others.",
    },
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, with every node that the type may affect."
)
def inspect(*, model: Path, chosen: Chosen, as_json: bool) -> None:
    """Show a float MODEL's inputs, size and operators, and what a type would do to each operator.

    For every operator that would stay in float it gives the reason.

    \b
    Example:
      qconv inspect model.onnx
      qconv inspect model.onnx --dtype int4
      qconv inspect model.onnx --calibration model.qcal
    """
    from qconv.pipeline import inspect as run

    if "dtype" not in chosen:
        chosen = Chosen({**chosen.values, "dtype": ("int8",)}, chosen.firm)
    [settings, *others] = conversions(chosen).values()
    if others:
        raise UsageError("inspect takes one `dtype` at a time")
    if isinstance(settings, Int8Settings) and settings.float_count:
        raise UsageError("`float_layers` with a number needs data, which inspect does not read")
    given = chosen.build(ModelSettings)
    inspection = run(
        model,
        calibration=chosen.build(ConvertSettings).calibration,
        settings=settings,
        assume=given.constants,
        target=given.target,
    )
    if as_json:
        show(f"{_to_json(inspection, dtype_of(settings))}\n")
    else:
        _print(model, inspection, settings)


def _to_json(inspection: Inspection, dtype: str) -> str:
    import json
    from dataclasses import asdict

    from qconv.placement.plan import at_run_time

    summary = inspection.model
    return json.dumps(
        {
            "inputs": [_port_json(port) for port in summary.inputs],
            "outputs": [_port_json(port) for port in summary.outputs],
            "opset": summary.opset,
            "parameters": summary.parameters,
            "bytes_by_dtype": summary.bytes_by_dtype,
            "op_counts": summary.op_counts,
            "dtype": dtype,
            "target": inspection.plan.target.name,
            "nodes": [
                {
                    "name": node.node,
                    "op": node.op_type,
                    "quantized": node.quantized,
                    "at_run_time": node.node in at_run_time(inspection.plan),
                    "reason": node.reason or None,
                    "behind": node.behind or None,
                }
                for node in inspection.plan.nodes.values()
            ],
            "outliers": [asdict(outliers) for outliers in inspection.outliers],
        },
        indent=2,
    )


def _port_json(port: PortSummary) -> dict[str, object]:
    return {"name": port.name, "dtype": port.type, "shape": port.shape}


def _print(model: Path, inspection: Inspection, settings: Settings) -> None:
    from qconv.cli.words import became, size
    from qconv.placement.plan import at_run_time, causes, count_nodes

    summary, plan = inspection.model, inspection.plan
    say(f"{model}  opset {summary.opset}")
    for title, ports in (("input", summary.inputs), ("output", summary.outputs)):
        for port in ports:
            say(f"  {title:7}{port.name}  {describe(port)}")
    sizes = ", ".join(f"{size(found)} {name}" for name, found in summary.bytes_by_dtype.items())
    say(f"  weights {summary.parameters:,} numbers: {sizes or 'none'}")
    ops = ", ".join(f"{count} {op}" for op, count in summary.op_counts.items())
    say(f"  ops    {ops}")
    say()
    say(
        f"{dtype_of(settings).upper()} for {plan.target.name}, after preparation: "
        f"{plan.count} operators {became(settings)}"
    )
    dynamic = at_run_time(plan).keys()
    for nodes, how in (
        ([node for node in plan.quantized if node.node not in dynamic | plan.merged], ""),
        (
            [node for node in plan.quantized if node.node in plan.merged],
            ", part of the operator before it",
        ),
        (
            [node for node in plan.quantized if node.node in dynamic],
            ", input quantized at run time",
        ),
    ):
        for (op, _), (count, _) in count_nodes(nodes).items():
            say(f"  {count:5} x {op}{how}")
    if inspection.outliers:
        _print_outliers(inspection.outliers)
    if not plan.kept_float:
        return
    say()
    print_table(
        ("count", "operator", "why it stays in float", "more\nbehind", "for example"),
        (
            (str(each.count), each.op_type, each.reason, str(each.behind or ""), each.example)
            for each in causes(plan.kept_float)
        ),
    )


def _print_outliers(outliers: tuple[Outliers, ...]) -> None:
    say()
    say("Channels that reach beyond four times the median; --smooth evens them out")
    rows = []
    for found in outliers:
        largest = ", ".join(f"{reach:.3g} ({channel})" for channel, reach in found.largest)
        numbers = (str(found.channels), str(found.count), f"{found.median:.3g}", largest)
        rows.append((found.value, *numbers))
    titles = ("value that products read", "channels", "outliers", "median", "largest (channel)")
    print_table(titles, rows)


def describe(port: PortSummary) -> str:
    """Return for example ``float32 [batch, 3, 224, 224]``."""
    if port.shape is None:
        return f"{port.type} of unknown rank"
    axes = ", ".join("?" if size is None else str(size) for size in port.shape)
    return f"{port.type} [{axes}]"
