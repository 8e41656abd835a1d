"""The page: what each section shows, from the report alone."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from qconv.printable import printable
from qconv.reporting import report_tables, sentences, significance
from qconv.reporting.catalog import metric_values
from qconv.reporting.doubts import doubts
from qconv.reporting.html import figures
from qconv.reporting.html.drawings import MOST_ROWS, Grid, Plot, drawable
from qconv.reporting.html.figures import Bar, Point, Span
from qconv.reporting.html.searched import Searched
from qconv.reporting.report_data import Report, VariantReport
from qconv.reporting.verdicts import verdict_told, verdict_word


def to_html(report: Report) -> str:
    """Return the report as an HTML page, the same for the same report."""
    place = files("qconv.reporting.html")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["printable"] = printable
    script = place.joinpath("script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = environment.from_string(place.joinpath("template.html").read_text(encoding="utf-8"))
    return template.render(
        report=report,
        style=Markup(place.joinpath("style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=digest,
        summary=sentences.gate_summary(report),
        verdicts=[
            (verdict, verdict_word(verdict), verdict_told(verdict)) for verdict in report.verdicts
        ],
        essentials=_grid(report_tables.essentials(report)),
        headline=_grid(report_tables.headline(report)),
        outputs=_grid(report_tables.outputs(report)),
        conditions=list(sentences.conditions(report)),
        remarks=[
            *significance.drops(report),
            *significance.undecided(report),
            *significance.speeds(report),
            *sentences.simulations(report),
            *sentences.portability(report),
            *doubts(report),
        ],
        faults=list(sentences.faults(report)),
        tradeoffs=list(_tradeoffs(report)),
        search=None if report.search is None else Searched(report.search),
        variants=[_Variant(index, variant) for index, variant in enumerate(report.variants, 1)],
        versions={"qconv": report.qconv, **report.versions},
    )


def _grid(table: report_tables.Table) -> Grid:
    titles = (table.rows, *(column.title for column in table.columns))
    rows = zip(table.names, *(column.cells for column in table.columns), strict=True)
    return Grid(titles, (False, *(True for _ in table.columns)), tuple(rows))


def _tradeoffs(report: Report) -> Iterator[Plot]:
    models = (report.reference, *report.variants)
    values = [metric_values(report, model) for model in models]
    quality = _quality(values)
    if quality is None:
        return
    metric, title = quality
    for name, label in (("size_mb", "MB"), ("latency_ms", "latency, ms")):
        points = [
            Point(model.name, numbers[name], numbers[metric])
            for model, numbers in zip(models, values, strict=True)
            if name in numbers and metric in numbers and math.isfinite(numbers[metric])
        ]
        if len(points) > 1:
            what = "Size" if name == "size_mb" else "Latency"
            drawing = figures.scatter(points, label, title, f"tradeoff-{name}")
            yield Plot(f"{what} against {title}. Up and to the left is better.", Markup(drawing))


def _quality(values: Sequence[dict[str, float]]) -> tuple[str, str] | None:
    """Return the metric that tells the models apart best: top-1 with labels, else without."""
    for metric, title in (
        ("top1", "top-1, %"),
        ("agreement", "agreement, %"),
        ("sqnr_db", "SQNR, dB"),
    ):
        found = [numbers for numbers in values if metric in numbers]
        if len(found) > 1 or (found and metric != "top1"):
            if metric != "top1":
                values[0].setdefault(metric, 100.0 if metric == "agreement" else math.inf)
            return metric, title
    return None


class _Variant:
    """The sections of one variant; ``anchor`` is unique in the page."""

    def __init__(self, index: int, variant: VariantReport) -> None:
        self.anchor = f"variant-{index}"
        self.report = variant
        self.fusion = sentences.fusion_summary(variant)
        self.coverage = sentences.coverage_summary(variant)

    @cached_property
    def misses(self) -> Grid:
        """The quantized operators that compute in float."""
        found = () if self.report.fusion is None else self.report.fusion.misses
        rows = tuple((miss.node, miss.op, miss.reason) for miss in found)
        return Grid(("operator", "type", "reason"), (False, False, False), rows)

    @cached_property
    def by_op(self) -> Grid:
        """How many operators of each type run in integers."""
        found = {} if self.report.fusion is None else self.report.fusion.by_op
        rows = tuple((op, str(all_), str(integer)) for op, (all_, integer) in found.items())
        return Grid(("type", "quantized", "in integers"), (False, True, True), rows)

    @cached_property
    def kept_float(self) -> Grid:
        """The operators that nothing quantizes."""
        rows = tuple((kept.node, kept.op, kept.reason) for kept in self.report.kept_float)
        return Grid(("operator", "type", "reason"), (False, False, False), rows)

    @cached_property
    def storage(self) -> Grid:
        """Bytes by layer and type."""
        types = sorted({name for layer in self.report.storage for name in layer.bytes})
        rows = []
        for layer in self.report.storage:
            cells = [f"{layer.bytes[name]}" if name in layer.bytes else "" for name in types]
            total = str(sum(layer.bytes.values()))
            rows.append((layer.name, layer.op, *cells, total))
        titles = ("layer", "type", *types, "bytes")
        return Grid(titles, (False, False, *(True for _ in types), True), tuple(rows))

    @cached_property
    def storage_plot(self) -> Plot | None:
        """The largest layers, by type."""
        layers = self.report.storage
        if not layers:
            return None
        largest = sorted(layers, key=lambda layer: -sum(layer.bytes.values()))[:MOST_ROWS]
        kept = {id(layer) for layer in largest if sum(layer.bytes.values()) >= 64}
        shown = [layer for layer in layers if id(layer) in kept] or list(largest)
        rows = [
            Bar(layer.name, {name: size / 1e3 for name, size in layer.bytes.items()})
            for layer in shown
        ]
        note = "" if len(shown) == len(layers) else f"the {len(shown)} largest of {len(layers)} "
        return Plot(
            f"Bytes of the weights by layer and type: {note or 'all '}layers, in the file's order.",
            Markup(figures.bars(rows, "kB", f"{self.anchor}-bytes")),
        )

    @cached_property
    def layers(self) -> Grid:
        """SQNR by layer."""
        rows = tuple(
            (
                layer.name,
                layer.op,
                "" if layer.alone is None else report_tables.decibels(layer.alone),
                report_tables.decibels(layer.accumulated),
            )
            for layer in self.report.layers
        )
        titles = ("layer", "type", "alone, dB", "accumulated, dB")
        return Grid(titles, (False, False, True, True), rows)

    @cached_property
    def layers_plot(self) -> Plot | None:
        """SQNR by layer, alone and accumulated."""
        layers = self.report.layers
        if not layers:
            return None
        if len(layers) > MOST_ROWS:
            worst = sorted(layers, key=lambda layer: layer.accumulated)[:MOST_ROWS]
            layers = tuple(layer for layer in layers if layer in worst)
        series = {
            "alone": [drawable(layer.alone) for layer in layers],
            "accumulated": [drawable(layer.accumulated) for layer in layers],
        }
        names = [layer.name for layer in layers]
        drawing = figures.lines(names, series, "SQNR, dB", f"{self.anchor}-layers")
        caption = (
            "SQNR of each layer's output against the float model, in dB (higher is better): with "
            "this layer alone quantized, and with the error of all layers before."
        )
        return Plot(caption, Markup(drawing))

    @cached_property
    def histograms(self) -> list[Plot]:
        """The tensors that lose most by rounding."""
        plots = []
        for index, tensor in enumerate(self.report.histograms):
            caption = (
                f"{tensor.kind}: {printable(tensor.name)}. SQNR {tensor.sqnr_db:.1f} dB, "
                f"{tensor.clipped:.2g} % clipped, {len(tensor.grid)} levels."
            )
            drawing = figures.histogram(tensor, f"{self.anchor}-tensor-{index}")
            plots.append(Plot(caption, Markup(drawing)))
        return plots

    @cached_property
    def ranges_plot(self) -> Plot | None:
        """How the magnitudes of output channels differ, in the layers where they do most."""
        ranges = [each for each in self.report.ranges if each.least > 0]
        if not ranges:
            return None
        widest = sorted(ranges, key=lambda each: each.least / each.largest)[:MOST_ROWS]
        rows = [Span(e.name, e.least, e.median, e.largest) for e in ranges if e in widest]
        caption = (
            "Per-channel weight ranges: the largest magnitude of each output channel, from the "
            "smallest channel over the median (mark) to the largest. A long span needs a scale "
            "for each channel."
        )
        return Plot(caption, Markup(figures.spans(rows, "magnitude", f"{self.anchor}-ranges")))

    @cached_property
    def ranges(self) -> Grid:
        """The same as a table."""
        rows = tuple(
            (
                each.name,
                each.op,
                str(each.channels),
                f"{each.least:.4g}",
                f"{each.median:.4g}",
                f"{each.largest:.4g}",
            )
            for each in self.report.ranges
        )
        titles = ("layer", "type", "channels", "smallest", "median", "largest")
        return Grid(titles, (False, False, True, True, True, True), rows)

    @cached_property
    def portability(self) -> Grid:
        """The pairs of weights that can saturate without VNNI."""
        rows = tuple(
            (
                each.name,
                each.op,
                str(each.pairs),
                str(each.risky),
                f"{100 * each.risky / each.pairs:.3f}",
            )
            for each in self.report.portability
            if each.risky
        )
        titles = ("layer", "type", "pairs", "at risk", "%")
        return Grid(titles, (False, False, True, True, True), rows)
