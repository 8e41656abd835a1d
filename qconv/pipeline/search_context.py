"""What the parts of one search share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qconv.conversions.workbench import Workbench
from qconv.pipeline.goal import Goal
from qconv.pipeline.keeping import Keeper
from qconv.pipeline.starting import Started
from qconv.pipeline.trials import Trials
from qconv.progress import Progress

T = TypeVar("T")


@dataclass(frozen=True)
class SearchContext:
    """What one search for a file goes by.

    Attributes:
        started: a conversion to static INT8 of which no step is done.
        bench: makes its models.
        trials: measures them, and keeps that.
        goal: what to look for.
        keeper: keeps the best file.
        deadline: when to measure nothing more, and to write no file but one that is needed, on the
            clock of :func:`time.monotonic`.
        progress: shown over what takes long.
    """

    started: Started
    bench: Workbench
    trials: Trials
    goal: Goal
    keeper: Keeper
    deadline: float
    progress: Progress

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.deadline

    def shown(self, items: Sequence[T], label: str) -> Iterator[T]:
        """Return items under a bar of progress, as long as there is time."""

        def in_time() -> Iterator[T]:
            for item in items:
                if self.late:
                    return
                yield item

        yield from self.progress(in_time(), len(items), label)
