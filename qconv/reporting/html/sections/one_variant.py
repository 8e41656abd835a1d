"""The section of one variant. A new part is a function in a module, and a line in ``PARTS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qconv.reporting.html.pieces import Part, Parts, Section, Words
from qconv.reporting.html.sections.changed_answers import changed_answers
from qconv.reporting.html.sections.entering_error import error_by_layer
from qconv.reporting.html.sections.graph_islands import graph_islands
from qconv.reporting.html.sections.kernels import kept_float, run_in_integers, saturation
from qconv.reporting.html.sections.operator_costs import operator_times
from qconv.reporting.html.sections.rounded_tensors import rounded_tensors
from qconv.reporting.html.sections.weights_in_file import bytes_by_layer, weight_ranges
from qconv.reporting.report_data import Report, VariantReport
from qconv.reporting.sentences import coverage_summary

PARTS: tuple[Callable[[VariantReport], Part], ...] = (
    changed_answers,
    error_by_layer,
    operator_times,
    rounded_tensors,
    bytes_by_layer,
    weight_ranges,
    graph_islands,
    run_in_integers,
    kept_float,
    saturation,
)


def variants(report: Report) -> Iterator[Section]:
    """Yield a section for each variant."""
    for index, variant in enumerate(report.variants, 1):
        covered = coverage_summary(variant)
        words = () if covered is None else (Words(covered),)
        parts = Parts(tuple(part(variant) for part in PARTS))
        yield Section(f"variant-{index}", variant.name, (*words, parts))
