"""Find the layers that lose most when they are quantized, so that they stay float."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from qconv.conversions.work import Needs, Step, Topic, Work
from qconv.evaluation.output_errors import output_errors
from qconv.placement.place import place
from qconv.placement.plan import Plan
from qconv.placement.requirements import require_integers
from qconv.recipe.settings import Int8Settings


@dataclass(frozen=True)
class RankLayers:
    """Keep so many layers in float: those with the largest error alone.

    The error is that of :func:`output_errors`. The model is quantized once for that, with little
    effort, and nothing is written.

    Attributes:
        count: how many.
        fitting: the steps of that trial up to the float model that is rounded.
        rounding: those behind it.
    """

    count: int
    fitting: Sequence[Step[Plan]]
    rounding: Sequence[Step[Plan]]

    def needs(self, model: ir.Model, plan: Plan) -> Needs:  # noqa: ARG002
        """Return that the model is run again."""
        return Needs(samples="`float_layers` with a number needs `data`, to rank the layers")

    def apply(self, work: Work[Plan]) -> None:
        """Add these layers to those that are kept, and note them in the settings."""
        trial = Work(work.model.clone(), work.plan, work.settings, kept=work.kept)
        if work.record is not None:
            trial.learn(work.record)
        for step in self.fitting:
            step.apply(trial)
        exact = trial.model.clone()
        for step in self.rounding:
            step.apply(trial)
        errors = output_errors(exact, trial.model, trial.plan, work.samples, work.progress)
        worst = sorted(errors, key=lambda name: (_rank(errors[name]), name))[: self.count]
        if len(worst) < self.count:
            total = len(trial.plan.layers) + len(trial.plan.dynamic)
            wanted = f"{self.count} should stay in float"
            work.say(Topic.FLOAT, f"{len(worst)} of {total} layers could be ranked, but {wanted}")
        work.kept |= set(worst)
        asked = replace(work.plan.demands, kept=work.kept)
        require_integers(work.model, place(work.model, work.plan.target, asked), work.label)
        if isinstance(work.settings, Int8Settings):
            found = tuple(f"^{re.escape(name)}$" for name in worst)
            kept = (*work.settings.float_layers, *found)
            work.settings = replace(work.settings, float_layers=kept)


def _rank(sqnr: float) -> float:
    """Return the SQNR, and for one that is not known that of a layer without any error."""
    return math.inf if math.isnan(sqnr) else sqnr
