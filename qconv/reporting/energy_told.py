"""What a report says of the energy that the layers of each model would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from qconv.printable import printable
from qconv.reporting.catalog import metric_values
from qconv.reporting.energy_data import ENERGY_SOURCE
from qconv.reporting.report_data import Report
from qconv.reporting.report_tables import Column, Table


def energy_lines(report: Report) -> Iterator[str]:
    """Yield the energy of each variant against that of the float model, or why it is not known."""
    estimated = False
    for model in (report.reference, *report.variants):
        if model.energy is not None and model.energy.unknown:
            why = printable(model.energy.unknown)
            yield f"{printable(model.name)}: its energy cannot be estimated: {why}."
            if model is report.reference:
                return
            continue
        values = metric_values(report, model)
        if model is not report.reference and "energy_ratio_low" in values:
            ends = [f"{values[f'energy_ratio_{end}']:.3g}" for end in ("low", "high")]
            yield (
                f"{printable(model.name)}: estimated energy {' to '.join(dict.fromkeys(ends))} of "
                "the float model's, with activations in SRAM or in DRAM."
            )
            estimated = True
    if estimated:
        yield f"Energy: an estimate for Conv, Gemm and MatMul, by {ENERGY_SOURCE}."


def energy_table(report: Report) -> Table | None:
    """Return a row for each model whose energy is known; None where none is."""
    models = [
        (model, model.energy)
        for model in (report.reference, *report.variants)
        if model.energy is not None and not model.energy.unknown
    ]
    if not models:
        return None
    ratios = [metric_values(report, model) for model, _ in models]
    columns = (
        Column("multiplications", tuple(_by_type(energy.macs.items()) for _, energy in models)),
        Column("weights, MB", tuple(f"{energy.weight_bytes / 1e6:.3f}" for _, energy in models)),
        Column(
            "activations, MB", tuple(f"{energy.activation_bytes / 1e6:.3f}" for _, energy in models)
        ),
        Column("from, uJ", tuple(f"{energy.low_pj / 1e6:.4g}" for _, energy in models)),
        Column("to, uJ", tuple(f"{energy.high_pj / 1e6:.4g}" for _, energy in models)),
        Column("ratio from", tuple(_ratio(values, "energy_ratio_low") for values in ratios)),
        Column("to", tuple(_ratio(values, "energy_ratio_high") for values in ratios)),
    )
    return Table("estimated energy", tuple(model.name for model, _ in models), (columns,))


def _by_type(macs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count:,} {dtype}" for dtype, count in macs)


def _ratio(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.3f}" if name in values else ""
