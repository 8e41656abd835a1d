"""Fit the Plan to what the data showed, and to what is to stay float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qconv.calibration.fit import fit_plan
from qconv.conversions.steps.estimate_ranges import range_settings
from qconv.conversions.work import Knowing, Topic, Work
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import Plan
from qconv.recipe.settings import RangeMethod


@dataclass(frozen=True)
class FitPlan(Knowing):
    """Leave float what has no range, what is too fine for 8 bits, and what the user wants."""

    method: RangeMethod
    percentile: float

    def apply(self, work: Work[Plan]) -> None:
        """Place the model again where something changed.

        Raises:
            RecordError: the record lacks a value, or the histograms that the method needs.
        """
        ranges = range_settings(self.method, self.percentile, work.record)
        work.plan, work.statistics = fit_plan(
            work.model, work.plan, work.statistics, ranges, work.kept
        )
        work.say(Topic.RUN_TIME, *_at_run_time(work.plan))
        work.say(Topic.BRANCHES, *_unseen(work.plan))
        work.say(Topic.DATA, *_zeros(work.plan, work.statistics))


def _at_run_time(plan: Plan) -> Iterator[str]:
    if plan.dynamic:
        counts = Counter(plan.nodes[name].op_type for name in plan.dynamic)
        listed = ", ".join(f"{count} {op}" for op, count in counts.items())
        yield f"inputs quantized at run time: {listed}"


def _unseen(plan: Plan) -> Iterator[str]:
    count = len(plan.demands.unseen)
    if count:
        branches = "1 branch" if count == 1 else f"{count} branches"
        yield f"{branches} of If nodes never taken by the calibration data"


def _zeros(plan: Plan, statistics: Mapping[str, ValueStatistics]) -> Iterator[str]:
    """Name the values that hold nothing but zeros, for which any range is as good."""
    ranges = {name: statistics[name].range for name in plan.values if name in statistics}
    found = [
        name
        for name, seen in ranges.items()
        if plan.values[name].params_from == name and seen.low == seen.high == 0
    ]
    if found:
        count = "1 value is" if len(found) == 1 else f"{len(found)} values are"
        yield f"{count} zero in all samples, and anything else may be lost there: '{found[0]}'"
