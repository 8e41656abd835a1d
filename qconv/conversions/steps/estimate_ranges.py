"""Estimate scale and zero point of each activation."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from qconv.calibration.estimate import estimate_params
from qconv.calibration.layer_ranges import layer_ranges
from qconv.conversions.work import SAMPLES_NEEDED, Needs, Topic, Work
from qconv.placement.observed import quantizable_values
from qconv.placement.plan import Plan
from qconv.recipe.settings import RangeMethod


@dataclass(frozen=True)
class EstimateRanges:
    """Read the range of each activation from its statistics; ``layers`` tries several of them."""

    method: RangeMethod

    def needs(self, model: ir.Model, plan: Plan) -> Needs:  # noqa: ARG002
        """Return the activations that have ranges of their own."""
        values = quantizable_values(plan)
        return Needs(
            values,
            "ranges" if self.method == "minmax" else "histogram",
            required=bool(values),
            samples=SAMPLES_NEEDED if self.method == "layers" else "",
        )

    def apply(self, work: Work[Plan]) -> None:
        """Set the parameters.

        Raises:
            RecordError: the record lacks a value, or the histograms that the method needs.
        """
        known = {}
        if self.method == "layers":
            known = layer_ranges(
                work.model, work.plan, work.statistics, work.samples, work.progress
            )
            work.say(Topic.RANGES, *_untried(work.plan, known))
        work.params = estimate_params(work.model, work.plan, work.statistics, work.ranges, known)
        work.note = f"ranges by {self.method if self.method == 'layers' else work.ranges}"


def _untried(plan: Plan, known: Container[str]) -> Iterator[str]:
    """Say how many ranges the method ``layers`` left as they are: of values scaled before."""
    own = [n for n, value in plan.values.items() if value.params_from == n and not value.constant]
    count = sum(name not in known for name in own)
    if count:
        ranges = "1 range" if count == 1 else f"{count} ranges"
        yield f"{ranges} of equalized or smoothed values left to minmax"
