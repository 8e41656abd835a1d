"""``qconv inspect``: what a model holds, and what would be quantized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qconv.cli.assume_option import assume_option
from qconv.cli.paths import FilePath

if TYPE_CHECKING:
    from rich.console import Console

    from qconv.observers.outliers import Outliers
    from qconv.pipeline import Inspection
    from qconv.specs import TensorSpec


@click.command()
@click.argument("model", type=FilePath())
@assume_option
@click.option(
    "--target",
    default="ort-cpu",
    show_default=True,
    metavar="NAME",
    help="Runtime to place operators for; ort-cpu is ONNX Runtime's CPU provider.",
)
@click.option(
    "--calibration",
    metavar="FILE",
    type=FilePath(),
    help="A record that qconv calibrate wrote for this model: shows the channels of what products "
    "read that are far larger than the others.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every node of the graph.")
def inspect(
    model: Path,
    target: str,
    *,
    assume: dict[str, str],
    calibration: Path | None,
    as_json: bool,
) -> None:
    """Show a float MODEL's inputs, size and operators, and what INT8 would do to each operator.

    For every operator that would stay in float it gives the reason.

    \b
    Example:
      qconv inspect model.onnx
      qconv inspect model.onnx --calibration model.qcal
    """
    from qconv.pipeline import inspect as run

    inspection = run(model, calibration=calibration, assume=assume, target=target)
    if as_json:
        click.echo(_to_json(inspection))
    else:
        _print(model, inspection)


def _to_json(inspection: Inspection) -> str:
    import json
    from dataclasses import asdict

    summary = inspection.model
    return json.dumps(
        {
            "inputs": [_spec_json(spec) for spec in summary.inputs],
            "outputs": [_spec_json(spec) for spec in summary.outputs],
            "opset": summary.opset,
            "parameters": summary.parameters,
            "bytes_by_dtype": summary.bytes_by_dtype,
            "op_counts": summary.op_counts,
            "target": inspection.plan.target,
            "nodes": [
                {
                    "name": node.node,
                    "op": node.op_type,
                    "quantized": node.quantized,
                    "at_run_time": node.node in inspection.plan.dynamic,
                    "reason": node.reason or None,
                }
                for node in inspection.plan.nodes.values()
            ],
            "outliers": [asdict(outliers) for outliers in inspection.outliers],
        },
        indent=2,
    )


def _spec_json(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "dtype": spec.dtype.name, "shape": spec.shape}


def _print(model: Path, inspection: Inspection) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from qconv.cli.words import size
    from qconv.placement.plan import count_nodes

    console = Console(highlight=False, emoji=False, soft_wrap=True)
    summary, plan = inspection.model, inspection.plan
    console.print(f"[bold]{escape(str(model))}[/bold]  opset {summary.opset}")
    for title, specs in (("input", summary.inputs), ("output", summary.outputs)):
        for spec in specs:
            console.print(f"  {title:7}{escape(spec.name)}  {escape(describe(spec))}")
    sizes = ", ".join(f"{size(found)} {name}" for name, found in summary.bytes_by_dtype.items())
    console.print(f"  weights {summary.parameters:,} numbers: {sizes or 'none'}")
    ops = ", ".join(f"{count} {op}" for op, count in summary.op_counts.items())
    console.print(f"  ops    {escape(ops)}")
    console.print()
    console.print(
        f"INT8 for {plan.target}, after preparation: "
        f"{len(plan.quantized)} of {len(plan.nodes)} operators in integers"
    )
    for nodes, how in (
        ([node for node in plan.quantized if node.node not in plan.dynamic], ""),
        (
            [node for node in plan.quantized if node.node in plan.dynamic],
            ", input quantized at run time",
        ),
    ):
        for (op, _), (count, _) in count_nodes(nodes).items():
            console.print(f"  {count:5} x {escape(op)}{how}")
    if inspection.outliers:
        _print_outliers(console, inspection.outliers)
    if not plan.kept_float:
        return
    console.print()
    table = Table("count", "operator", "why it stays in float", "for example", title_justify="left")
    for (op, reason), (count, example) in count_nodes(plan.kept_float).items():
        table.add_row(str(count), escape(op), escape(reason), escape(example))
    console.print(table, soft_wrap=False)


def _print_outliers(console: Console, outliers: tuple[Outliers, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    console.print()
    console.print("Channels that reach beyond four times the median; --smooth evens them out")
    table = Table(
        *("value that products read", "channels", "outliers", "median", "largest (channel)")
    )
    for found in outliers:
        largest = ", ".join(f"{reach:.3g} ({channel})" for channel, reach in found.largest)
        numbers = (str(found.channels), str(found.count), f"{found.median:.3g}", largest)
        table.add_row(escape(found.value), *numbers)
    console.print(table, soft_wrap=False)


def describe(spec: TensorSpec) -> str:
    """Return for example ``float32 [batch, 3, 224, 224]``."""
    if spec.shape is None:
        return f"{spec.dtype.name} of unknown rank"
    axes = ", ".join("?" if size is None else str(size) for size in spec.shape)
    return f"{spec.dtype.name} [{axes}]"
