"""What can be measured on a model and its data, found out on the first sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qconv.data.source import Array, Sample
from qconv.evaluation.output_kinds import output_kinds
from qconv.evaluation.tasks.choose import NewScore, task_score
from qconv.recipe.tasks import OutputKind, TaskSettings
from qconv.reporting.catalog import (
    DISTRIBUTION_METRICS,
    LABEL_METRICS,
    TASK_METRICS,
    TOP5_METRICS,
)
from qconv.runtime.runner import Runner

TOP5_CLASSES = 6
"""With fewer classes, the five best hold nearly every label: top-5 says nothing."""


@dataclass(frozen=True)
class Traits:
    """What the float model and its data allow to measure.

    Attributes:
        labels: whether samples have labels.
        kinds: what each output holds.
        class_output: the first output ``[batch, classes]`` of classes.
        classes: how many it has.
        batch: the length of the first axis of the inputs, 1 where they have none.
        task: what the model is for.
        task_score: makes the score of the task for a model.
    """

    labels: bool
    kinds: Mapping[str, OutputKind]
    class_output: str | None
    classes: int
    batch: int
    task: str | None = None
    task_score: NewScore | None = None

    @property
    def distributions(self) -> tuple[str, ...]:
        """The outputs that hold classes."""
        return tuple(name for name, kind in self.kinds.items() if kind == "classes")

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
            reason = (
                "no output is known to hold classes; if one does, set `output_kind=NAME=classes`"
            )
            reasons |= dict.fromkeys(DISTRIBUTION_METRICS, reason)
        if not self.top5:
            reason = f"the output '{self.class_output}' has only {self.classes} classes"
            reasons |= dict.fromkeys(TOP5_METRICS, reason)
        if not self.labels:
            reasons |= dict.fromkeys(LABEL_METRICS, "the data has no labels")
        elif self.class_output is None:
            reason = "no output holds classes in the shape [batch, classes]"
            reasons |= dict.fromkeys(LABEL_METRICS, reason)
        for task, names in TASK_METRICS.items():
            if task != self.task:
                reasons |= dict.fromkeys(names, f"it needs `task={task}`")
        return reasons


def read_traits(
    reference: Runner, sample: Sample, outputs: Mapping[str, Array], settings: TaskSettings
) -> Traits:
    """Find the traits from one sample and the float model's outputs for it.

    With labels, the first output of floats ``[batch, classes]`` holds classes, if no other does.

    Raises:
        UsageError: the settings name an output that the model does not have.
        DataError: the outputs are not those of the task.
    """
    labels = sample.label is not None
    kinds = output_kinds(reference.inputs, reference.outputs, outputs, settings.kinds)
    floats = [port.name for port in reference.outputs if port.is_float]
    flat = [name for name in floats if outputs[name].ndim == 2]
    class_output = next((name for name in flat if kinds[name] == "classes"), None)
    if labels and class_output is None:
        free = [name for name in flat if name not in settings.kinds and kinds[name] == "vector"]
        class_output = next((name for name in free if outputs[name].shape[1] > 1), None)
        if class_output is not None:
            kinds[class_output] = "classes"
    first_input = sample.feeds[reference.inputs[0].name] if reference.inputs else None
    return Traits(
        labels=labels,
        kinds=kinds,
        class_output=class_output,
        classes=outputs[class_output].shape[-1] if class_output is not None else 0,
        batch=first_input.shape[0] if first_input is not None and first_input.ndim else 1,
        task=settings.task,
        task_score=task_score(settings, sample, outputs),
    )
