"""The tables of a report as text cells, the same for every view."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qconv.reporting.catalog import TASK_METRICS, metric_values
from qconv.reporting.contents import FusionAudit
from qconv.reporting.report_data import OutputMetrics, Report

Cell = Callable[[float], str]


@dataclass(frozen=True)
class Column:
    """A title and one cell per row; an empty cell has nothing to show.

    A column that ``follows`` stays beside the one before it.
    """

    title: str
    cells: tuple[str, ...]
    follows: bool = False


@dataclass(frozen=True)
class Table:
    """Rows with a name under the title ``rows``; ``groups`` are parts for where space is short."""

    rows: str
    names: tuple[str, ...]
    groups: tuple[tuple[Column, ...], ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of all groups."""
        return tuple(column for group in self.groups for column in group)


def headline(report: Report) -> Table:
    """Return one row for the float model and one for each variant.

    Columns with nothing to show are left out. A drop is positive where the variant is worse.
    """
    rows = [metric_values(report, model) for model in (report.reference, *report.variants)]
    for name in ("size_ratio", "speedup", *(key for key in rows[0] if key.endswith("_drop"))):
        rows[0].pop(name, None)
    names = tuple(model.name for model in (report.reference, *report.variants))

    def column(title: str, metric: str, cell: Cell, *, follows: bool = False) -> Column:
        cells = tuple(cell(row[metric]) if metric in row else "" for row in rows)
        return Column(title, cells, follows)

    quality = [
        column("MB", "size_mb", _megabytes),
        column("size ratio", "size_ratio", _three_decimals),
        column("top-1 %", "top1", _percent),
        column("drop", "top1_drop", _points, follows=True),
        column("top-5 %", "top5", _percent),
        column("drop", "top5_drop", _points, follows=True),
        column("agree %", "agreement", _percent),
        *(column(*_TASK_COLUMNS[name]) for name in TASK_METRICS.get(report.task or "", ())),
        column("SQNR dB", "sqnr_db", decibels),
    ]
    for name in report.reference.custom:
        quality.append(column(name, name, _significant))
        quality.append(column("drop", f"{name}_drop", _significant, follows=True))
    speed = [
        column("latency ms", "latency_ms", _significant),
        column("p90", "latency_p90_ms", _significant, follows=True),
        column("speed-up", "speedup", lambda value: f"{value:.2f}x"),
        _integer_column(report),
    ]
    return Table("variant", names, (_shown(quality), _shown(speed)))


_IMPORTANT = ("MB", "speed-up", "top-1 %", "agree %", "SQNR dB", "latency ms", "size ratio")


def ranked(report: Report) -> Table:
    """Return the headline in one part, the most important columns first, each with a full title."""
    pairs = list(units(headline(report).columns))
    task = [_TASK_COLUMNS[name][0] for name in TASK_METRICS.get(report.task or "", ())]
    first = (*_IMPORTANT[:2], *task, *_IMPORTANT[2:])
    pairs.sort(key=lambda unit: [title == unit[0].title for title in first], reverse=True)
    columns = []
    for lead, *others in pairs:
        of = lead.title.removesuffix(" %").removesuffix(" ms")
        columns += [lead, *(Column(f"{of} {each.title}", each.cells, True) for each in others)]
    return Table("variant", headline(report).names, (tuple(columns),))


def units(columns: Sequence[Column]) -> list[list[Column]]:
    """Join the columns that stay side by side."""
    found: list[list[Column]] = []
    for column in columns:
        if column.follows and found:
            found[-1].append(column)
        else:
            found.append([column])
    return found


def essentials(report: Report) -> Table:
    """Return what most people ask first: megabytes, latency, and what was lost in accuracy.

    That is top-1 with labels, else how often the answers agree, else the SQNR.
    """
    full = headline(report)
    wanted = ["MB", "latency ms", "speed-up"]
    with_labels = report.reference.accuracy is not None
    wanted.append("drop" if with_labels else "agree %")
    found = {column.title: column for column in reversed(full.columns)}
    if "agree %" not in found and not with_labels:
        wanted[-1] = "SQNR dB"
    if report.task is not None:
        wanted[-1] = _TASK_COLUMNS[TASK_METRICS[report.task][0]][0]
    columns = [found[title] for title in wanted if title in found]
    if with_labels and columns[-1].title == "drop":
        columns[-1] = Column("accuracy drop, points", columns[-1].cells)
    return Table("variant", full.names, (tuple(columns),))


def outputs(report: Report, most: int | None = None) -> Table:
    """Return one row for each output of each variant, or for the ``most`` that matter.

    States, of which a decoder has two for each layer, come after other outputs, the worst first.
    """
    pairs = [
        (variant.name, out)
        for variant in report.variants
        for out in _chief(variant.outputs, len(variant.outputs) if most is None else most)
    ]

    def column(title: str, cell: Callable[[OutputMetrics], str]) -> Column:
        return Column(title, tuple(cell(out) for _, out in pairs))

    columns = [
        column("holds", lambda out: out.kind),
        column("SQNR dB", lambda out: decibels(out.sqnr_db)),
        column("cosine", lambda out: _cosine(out.cosine)),
        column("KL nats", lambda out: "" if out.kl is None else _significant(out.kl)),
        column("agree %", lambda out: "" if out.agreement is None else _percent(out.agreement)),
    ]
    names = tuple(f"{variant}: {out.name}" for variant, out in pairs)
    return Table("variant: output", names, (_shown(columns),))


def _chief(found: Sequence[OutputMetrics], most: int) -> list[OutputMetrics]:
    by_weight = sorted(found, key=lambda out: (out.kind == "state", out.sqnr_db))
    kept = {out.name for out in by_weight[:most]}
    return [out for out in found if out.name in kept]


def layers(report: Report) -> tuple[Table, ...]:
    """Return for each variant whose layers were compared one row for each quantized value."""
    found = []
    for variant in report.variants:
        errors = variant.layers
        columns = [
            Column("operator", tuple(error.op for error in errors)),
            Column("alone dB", tuple(map(_known, (error.alone for error in errors)))),
            Column("clipping", tuple(map(_known, (error.clipping for error in errors)))),
            Column("accumulated", tuple(decibels(error.accumulated) for error in errors)),
        ]
        if errors:
            names = tuple(error.name for error in errors)
            found.append(Table(f"{variant.name}: layer", names, (_shown(columns),)))
    return tuple(found)


def _integer_column(report: Report) -> Column:
    audits = (model.fusion for model in (report.reference, *report.variants))
    return Column("integer ops", tuple(map(_integers, audits)))


def _integers(audit: FusionAudit | None) -> str:
    if audit is None:
        return ""
    return f"{audit.integer}/{audit.quantized}" if audit.quantized else "none"


def _shown(columns: list[Column]) -> tuple[Column, ...]:
    return tuple(column for column in columns if any(column.cells))


def _megabytes(value: float) -> str:
    """Two decimals, or three significant digits below 1 MB."""
    return f"{value:.{_decimals(value, 3)}f}" if 0 < value < 1 else f"{value:.2f}"


def _three_decimals(value: float) -> str:
    return f"{value:.3f}"


def _percent(value: float) -> str:
    """Two decimals; ``100.00`` is kept for what is exactly that."""
    return "99.99" if 99.99 < value < 100 else f"{value:.2f}"


def _points(value: float) -> str:
    """Two decimals, without the minus sign of a zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def decibels(value: float) -> str:
    """One decimal; words for what is no number of decibels."""
    if value == math.inf:
        return "exact"
    return f"{value:.1f}" if math.isfinite(value) else "broken"


def _known(value: float | None) -> str:
    return "" if value is None else decibels(value)


def _cosine(value: float) -> str:
    """Six decimals; ``1.000000`` is kept for what rounds to it in twelve."""
    return "0.999999" if 0.9999995 < value < 1 - 5e-13 else f"{value:.6f}"


def _significant(value: float) -> str:
    """Four significant digits, without an exponent where a few decimals do."""
    if not math.isfinite(value) or value == 0 or not 1e-6 < abs(value) < 1e9:
        return f"{value:.4g}"
    return f"{value:.{_decimals(value, 4)}f}"


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals show so many significant digits."""
    return max(0, digits - 1 - math.floor(math.log10(abs(value))))


_TASK_COLUMNS: Mapping[str, tuple[str, str, Cell]] = {
    "boxes_f1": ("boxes F1 %", "boxes_f1", _percent),
    "ctc_same": ("same text %", "ctc_same", _percent),
    "ctc_cer": ("letters wrong %", "ctc_cer", _significant),
    "similarity": ("similarity", "similarity", _cosine),
    "map_agreement": ("same points %", "map_agreement", _percent),
    "map_iou": ("areas IoU %", "map_iou", _percent),
    "perplexity": ("perplexity", "perplexity", _significant),
    "perplexity_ratio": ("ratio", "perplexity_ratio", _significant),
}
"""How the metrics of tasks stand in tables: title, metric, and how a number is written."""
