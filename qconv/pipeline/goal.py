"""What a search is after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from qconv.conversions.workbench import Form
from qconv.errors import UsageError
from qconv.recipe.tasks import TaskSettings

Objective = Literal["speed", "size", "accuracy"]


@dataclass(frozen=True)
class Goal:
    """What a search is after.

    Attributes:
        objective: what is best among files that hold the rest: ``speed``, ``size``, or
            ``accuracy``.
        fail_if: gates, as those of :func:`report`.
        metrics: the user's metric functions.
        max_size: of the file, in MB.
        min_speedup: over the float model, in processor time of one thread.
        settings: what outputs hold, and what the model is for.

    Raises:
        UsageError: there is nothing that the objective is weighed against.
    """

    objective: Objective
    fail_if: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    max_size: float | None = None
    min_speedup: float | None = None
    settings: TaskSettings = TaskSettings()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if self.objective == "accuracy" and self.max_size is None and self.min_speedup is None:
            raise UsageError(
                "`objective=accuracy` needs `max_size` or `min_speedup`: without one the float "
                "model is best"
            )
        if self.objective == "speed" and not self.fail_if:
            raise UsageError(
                "`objective=speed` needs a gate: without one the fastest file is that of `convert`",
                hint="for example `fail_if` with 'top1_drop > 0.5'",
            )
        if self.objective == "size" and not self.fail_if and self.max_size is None:
            raise UsageError("`objective=size` needs a gate, or `max_size`")
        if self.objective != "size" and self.max_size is not None and self.min_speedup is not None:
            raise UsageError("with `min_speedup`, `max_size` needs `objective=size`")
        for name in ("max_size", "min_speedup"):
            number = getattr(self, name)
            if number is not None and not 0 < number < math.inf:
                raise UsageError(f"`{name}` is {number}; it must be above 0")

    @property
    def form(self) -> Form:
        """What layers may become beside INT8: weights of four bits, or float."""
        small = self.objective == "size" or self.max_size is not None
        return Form.FOUR_BITS if small else Form.FLOAT

    @property
    def by_cost(self) -> bool:
        """Whether the cheapest file that holds the gates is best, not the most exact one."""
        return bool(self.fail_if) and self.objective != "accuracy"

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates on the file itself, with that on its size."""
        size = () if self.max_size is None else (f"size_mb > {self.max_size:g}",)
        return (*self.fail_if, *size)

    @property
    def most_bytes(self) -> float:
        """The largest file."""
        return math.inf if self.max_size is None else self.max_size * 1e6

    @property
    def budget(self) -> float:
        """The limit on what is searched along: bytes, or time over the float model's."""
        if self.form is Form.FOUR_BITS:
            return self.most_bytes
        return math.inf if self.min_speedup is None else 1 / self.min_speedup
