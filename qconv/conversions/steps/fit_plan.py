"""Fit the Plan to what the data showed, and to what is to stay float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qconv.calibration.estimate import RangeSettings
from qconv.calibration.fit import fit_plan, leave_fine
from qconv.conversions.trial import Trial
from qconv.conversions.work import Knowing, Topic, Work
from qconv.evaluation.layer_work import layer_macs
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import Plan
from qconv.recipe.settings import Gates, RangeMethod

_PRICE = 0.5
"""What the outputs must gain in proportion to what they have, both in dB, for a share of the
multiplications that stays float, in proportion to that."""


@dataclass(frozen=True)
class FitPlan(Knowing):
    """Leave float what has no range, what is too fine for 8 bits, and what the user wants.

    ``method`` and ``percentile`` say how ranges are read from a record that has histograms.
    """

    method: RangeMethod
    percentile: float
    gates: Gates

    def apply(self, work: Work[Plan]) -> None:
        """Set how ranges are read, and place the model again where something changed.

        Raises:
            RecordError: the record lacks a value, or the histograms that the method needs.
        """
        work.ranges = self._ranges(work)
        work.plan, work.statistics = fit_plan(work.model, work.plan, work.statistics, work.kept)
        remarks = list(self._leave_fine(work))
        work.say(Topic.RUN_TIME, *_at_run_time(work.plan))
        work.say(Topic.FLOAT, *remarks)
        work.say(Topic.BRANCHES, *_unseen(work.plan))
        work.say(Topic.DATA, *_zeros(work.plan, work.statistics))

    def _ranges(self, work: Work[Plan]) -> RangeSettings:
        if self.method == "auto" or self.method == "layers":
            known = work.record is not None and work.record.depth == "ranges"
            return RangeSettings("minmax" if known else "clip", self.percentile)
        return RangeSettings(self.method, self.percentile, behind_gates=self.gates == "on")

    def _leave_fine(self, work: Work[Plan]) -> Iterator[str]:
        """Keep float what reads values that are too fine, where that is worth what it costs."""
        before, statistics = work.plan, work.statistics
        found = leave_fine(work.model, before, statistics, work.ranges)
        if found is None:
            return
        plan, own = found
        if work.judge is not None:
            kept, whole = (
                Trial(work.judge, work.model, *each).judge(work.ranges)
                for each in ((plan, own), (before, statistics))
            )
            if kept is not None and whole is not None:
                share = _float_share(work, before, plan)
                gain = kept.overall - whole.overall
                worth = gain >= _PRICE * share * max(0.0, whole.overall)
                yield _told(plan, gain, share, worth=worth)
                if not worth:
                    return
        work.plan, work.statistics = plan, own


def _float_share(work: Work[Plan], whole: Plan, kept: Plan) -> float:
    """Return the share of multiplications that another plan keeps in float, or of layers."""
    macs = None
    if work.record is not None and work.record.feeds:
        macs = layer_macs(work.model, next(iter(work.record.feeds.values())))
    weights = {name: 1 if macs is None else macs.get(name, 0) for name in whole.layers}
    total = sum(weights.values())
    integers = kept.layers.keys() | kept.dynamic.keys()
    return sum(count for name, count in weights.items() if name not in integers) / max(1, total)


def _told(plan: Plan, gain: float, share: float, *, worth: bool) -> str:
    count = len(plan.demands.lost)
    values = "1 value" if count == 1 else f"{count} values"
    said = "kept in float, which gains" if worth else "rounded anyway: float would gain only"
    return (
        f"{values} too fine for 8 bits {said} {gain:.1f} dB at the outputs, for "
        f"{100 * share:.0f} % of the multiplications"
    )


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
        yield f"{count} zero in all samples, so other numbers may be lost there: '{found[0]}'"
