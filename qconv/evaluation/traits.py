"""What can be measured on a model and its data, found out on the first sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qconv.data.source import Array, Sample
from qconv.reporting.catalog import DISTRIBUTION_METRICS, LABEL_METRICS, TOP5_METRICS
from qconv.runtime.runner import Runner

TOP5_CLASSES = 6
"""With fewer classes, the five best hold nearly every label: top-5 says nothing."""


@dataclass(frozen=True)
class Traits:
    """What the float model and its data allow to measure.

    ``distributions`` names the outputs whose last axis can hold one: floats of rank 2 or more,
    two entries or more. ``class_output`` is the first of them with rank 2, ``[batch, classes]``.
    ``batch`` is the length of the first axis of the inputs, 1 where they have none.
    """

    labels: bool
    distributions: tuple[str, ...]
    class_output: str | None
    classes: int
    batch: int

    @property
    def top1(self) -> bool:
        """Whether labels can be compared with the model's best class."""
        return self.labels and self.class_output is not None

    @property
    def top5(self) -> bool:
        """Whether labels can be compared with the model's five best classes."""
        return self.top1 and self.classes >= TOP5_CLASSES

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """The metrics that cannot be measured, each with the reason."""
        reasons: dict[str, str] = {}
        if not self.distributions:
            reason = "no output has a last axis of two or more classes"
            reasons |= dict.fromkeys(DISTRIBUTION_METRICS, reason)
        if not self.top5:
            reason = f"the output '{self.class_output}' has only {self.classes} classes"
            reasons |= dict.fromkeys(TOP5_METRICS, reason)
        if self.class_output is None:
            reason = "no output has the shape [batch, classes]"
            reasons |= dict.fromkeys(LABEL_METRICS, reason)
        elif not self.labels:
            reasons |= dict.fromkeys(LABEL_METRICS, "the data has no labels")
        return reasons


def read_traits(reference: Runner, sample: Sample, outputs: Mapping[str, Array]) -> Traits:
    """Find the traits from one sample and the float model's outputs for it."""
    floats = [port.name for port in reference.outputs if port.is_float]
    distributions = tuple(
        name for name in floats if outputs[name].ndim >= 2 and outputs[name].shape[-1] >= 2
    )
    class_output = next((name for name in distributions if outputs[name].ndim == 2), None)
    first_input = sample.feeds[reference.inputs[0].name] if reference.inputs else None
    return Traits(
        labels=sample.label is not None,
        distributions=distributions,
        class_output=class_output,
        classes=outputs[class_output].shape[-1] if class_output is not None else 0,
        batch=first_input.shape[0] if first_input is not None and first_input.ndim else 1,
    )
