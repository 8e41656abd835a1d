"""What every task is: a score that is added up sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qconv.data.source import Array, Sample
from qconv.errors import DataError

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Answers:
    """What two models say of one sample, in words; ``before`` is the float model's."""

    before: str
    after: str


class TaskScore(Protocol):
    """How one model does what the float model does."""

    def update(self, sample: Sample, reference: Outputs, own: Outputs) -> Answers | None:
        """Add one sample, with the outputs of the float model and of this one.

        Returns:
            Both answers, if they differ; None where they are the same, or no words tell them.

        Raises:
            DataError: the outputs or the sample are not those of such a task.
        """

    @property
    def reference(self) -> Mapping[str, float]:
        """Those of the float model, which most tasks compare with itself: these have none."""
        return {}

    @property
    def result(self) -> Mapping[str, float]:
        """The metrics of the task by name.

        Raises:
            DataError: no sample tells anything.
        """


def task_output(outputs: Outputs, named: Sequence[str], ranks: Sequence[int], task: str) -> str:
    """Return the name of the output that a task reads: the named one, or the first of a rank.

    Ranks that come first are looked for first.

    Raises:
        DataError: there is none.
    """
    found = [
        name
        for rank in ranks
        for name, array in outputs.items()
        if (name == named[0] if named else np.ndim(array) == rank)
    ]
    if found:
        return found[0]
    shown = ", ".join(f"'{name}' {list(np.shape(array))}" for name, array in outputs.items())
    wanted = f"'{named[0]}'" if named else f"of rank {' or '.join(map(str, ranks))}"
    raise DataError(
        f"the task {task} needs an output {wanted}; the model gives {shown}",
        hint="name it as `task_output`",
    )
