"""Fit a plan to what the data showed: branches never taken, values too fine for 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

import numpy as np
import onnx_ir as ir

from qconv.calibration.estimate import RangeSettings, estimate_params
from qconv.graph.operators.table import operator_of
from qconv.observers.histogram import bin_centers
from qconv.observers.value import ValueStatistics
from qconv.placement.place import place
from qconv.placement.plan import Plan

Statistics = Mapping[str, ValueStatistics]

_MOST_LOST = 1 / 3
"""Share of its numbers other than zero that a value may lose to zero.

Measured: at most 0.21 in all-MiniLM-L6-v2, EfficientNet-Lite0 and the sample models; 0.48 and 0.70
in the spectrum that silero-vad computes from sound, whose loss changes every fiftieth decision.
"""


def fit_plan(
    model: ir.Model,
    plan: Plan,
    statistics: Statistics,
    kept: frozenset[str],
) -> tuple[Plan, Statistics]:
    """Place a model again, where the data showed that some of its plan cannot be.

    Branches that were never taken have no ranges. Operators in ``kept`` stay in float.

    Returns:
        The plan, and the statistics with those of values that now have a range of their own.
    """
    unseen = plan.demands.unseen | _unseen_branches(model, plan, statistics)
    asked = replace(plan.demands, kept=kept, unseen=unseen)
    if asked == plan.demands:
        return plan, statistics
    fitted = place(model, plan.target, asked)
    return fitted, _borrowed(plan, fitted, statistics)


def leave_fine(
    model: ir.Model, plan: Plan, statistics: Statistics, ranges: RangeSettings
) -> tuple[Plan, Statistics] | None:
    """Place a model again without values that are too fine for 8 bits, or return None.

    Such a value is spread over so many orders of magnitude that more than a third of its numbers
    would round to zero, where there are histograms to tell.

    Returns:
        As :func:`fit_plan` does.

    Raises:
        RecordError: see :func:`estimate_params`.
    """
    lost = _lost(model, plan, statistics, ranges)
    if not lost:
        return None
    without = place(model, plan.target, replace(plan.demands, lost=lost))
    return without, _borrowed(plan, without, statistics)


def _unseen_branches(model: ir.Model, plan: Plan, statistics: Statistics) -> frozenset[int]:
    """Return the branches with values of the plan that were never computed, by number."""
    graphs = (model.graph, *model.graph.subgraphs())
    numbers = {graph: number for number, graph in enumerate(graphs)}
    values = ir.convenience.create_value_mapping(model.graph)
    found = set()
    for name in plan.values:
        graph = values[name].graph
        if isinstance(graph, ir.Graph) and graph is not model.graph and name in statistics:
            seen = statistics[name].range
            if seen.low > seen.high:
                found.add(numbers[graph])
    return frozenset(found)


def _lost(
    model: ir.Model, plan: Plan, statistics: Statistics, ranges: RangeSettings
) -> dict[str, float]:
    """Return the values that lose too much to zero, each with the share that it loses.

    What has a bound by its nature (Sigmoid, Clip) spreads over no more than that: small numbers
    there are as good as zero.
    """
    values = ir.convenience.create_value_mapping(model.graph)
    found = {}
    for name, value in estimate_params(model, plan, statistics, ranges).items():
        producer = values[name].producer()
        bounds = None if producer is None else operator_of(producer).bounds
        bounded = bounds is not None and all(map(isfinite, bounds))
        if name not in statistics or bounded or np.isfinite(plan.values[name].bounds[1]):
            continue
        bins, counts = statistics[name].histogram.items()
        magnitudes = np.abs(bin_centers(bins))
        total = int(counts[magnitudes > 0].sum())
        rounded = (magnitudes > 0) & (magnitudes < float(value.scale) / 2)
        share = int(counts[rounded].sum()) / total if total else 0.0
        if share > _MOST_LOST:
            found[name] = share
    return found


def _borrowed(before: Plan, plan: Plan, statistics: Statistics) -> Statistics:
    """Give values the range of the one whose parameters they shared in the plan before."""
    result = dict(statistics)
    for name, value in plan.values.items():
        old = before.values.get(name)
        if old is None or value.params_from != name or old.params_from == name or value.constant:
            continue
        source = statistics[old.params_from]
        own = statistics.get(name)
        means = source.means if own is None else own.means
        result[name] = ValueStatistics(
            source.range, source.histogram, means, derived=source.derived
        )
    return result
