"""Choose how ranges are read: by the error at the model's outputs, on samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from qconv.calibration.estimate import RangeSettings
from qconv.conversions.trial import Trial
from qconv.conversions.work import Knowing, Topic, Work
from qconv.observers.estimators import Method
from qconv.placement.observed import has_range
from qconv.placement.plan import Plan
from qconv.recipe.settings import Gates, Int8Settings, RangeMethod

_METHODS: tuple[Method, ...] = ("clip", "minmax", "mse")
_UNTRIED = (
    "ranges by clip, not compared with other methods: the record keeps no samples; calibrate with "
    "`keep_samples`, or give `data`"
)
_TOLD_DB = 1.0


@dataclass(frozen=True)
class ChooseRanges(Knowing):
    """Try several ways on the kept samples, and set the one with the least error.

    Each is tried in the whole model, whose weights are rounded to nearest for that.
    """

    method: RangeMethod
    gates: Gates

    def apply(self, work: Work[Plan]) -> None:
        """Set how ranges are read, and note it in the settings."""
        candidates = list(self._candidates(work.ranges))
        if len(candidates) > 1 and any(map(has_range, work.plan.values.values())):
            self._try(work, candidates)
        if isinstance(work.settings, Int8Settings) and self.method == "auto":
            gates: Gates = "on" if work.ranges.behind_gates else "off"
            work.settings = replace(work.settings, method=work.ranges.method, gates=gates)

    def _candidates(self, usual: RangeSettings) -> Iterator[RangeSettings]:
        """Return the ways, the usual one first; a record without histograms knows one alone."""
        if self.method != "auto" or usual.method == "minmax":
            yield usual
            return
        for behind in {"auto": (False, True), "on": (True,), "off": (False,)}[self.gates]:
            for method in _METHODS:
                yield RangeSettings(method, usual.percentile, behind)

    def _try(self, work: Work[Plan], candidates: list[RangeSettings]) -> None:
        if work.judge is None:
            work.say(Topic.RANGES, _UNTRIED)
            return
        trial = Trial(work.judge, work.model, work.plan, work.statistics)
        judged = {each: trial.judge(each) for each in candidates}
        known = {each: own for each, own in judged.items() if own is not None}
        if not known:
            return
        usual = next(iter(known))
        better = [each for each, own in known.items() if own.surely_beats(known[usual])]
        best = max(better, key=lambda each: known[each].overall, default=usual)
        work.ranges = best
        means = {each: own.overall for each, own in known.items()}
        worst = min(means.values())
        if means[best] - worst >= _TOLD_DB:
            work.say(
                Topic.RANGES,
                f"ranges by {best}: {means[best]:.1f} dB at the outputs with weights rounded to "
                f"nearest; the worst of {len(known)} methods tried has {worst:.1f} dB",
            )
