"""Files of other kinds than static INT8: quantized at run time, or their weights alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qconv.conversions.kinds import kind_of
from qconv.conversions.workbench import Form
from qconv.errors import ModelError, NothingQuantized, UnsupportedError
from qconv.pipeline.arguments import Assume
from qconv.pipeline.goal import Goal
from qconv.pipeline.keeping import Kept
from qconv.pipeline.search_context import SearchContext
from qconv.pipeline.starting import Started, start
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.progress import no_progress
from qconv.recipe.settings import DynamicSettings, Settings, WeightOnlySettings
from qconv.search.front import Point

OtherSettings = DynamicSettings | WeightOnlySettings

_BITS = {"int8": "8", "int4": "4", "int2": "2"}


@dataclass(frozen=True)
class Tried:
    """A file of another kind, as it was measured.

    Attributes:
        settings: those that it was made with.
        slowness: its processor time over that of the float model; 1 where it could not be timed.
        kept: what it is, and what the gates say of it.
    """

    settings: OtherSettings
    slowness: float
    kept: Kept

    @property
    def name(self) -> str:
        """What it is, in words."""
        return kind_name(self.settings)

    def is_file(self, settings: Settings) -> bool:
        """Whether a file that was made with some settings is this one."""
        return self.kept.settings == settings


def kind_name(settings: OtherSettings) -> str:
    """Return in words what kind of file settings make."""
    if isinstance(settings, DynamicSettings):
        return "inputs of layers quantized at run time, 8 bits"
    blocks = "" if settings.block_size == "auto" else f", blocks of {settings.block_size}"
    return f"weight-only, {_BITS[settings.dtype]} bits{blocks}"


def other_kinds(goal: Goal) -> tuple[OtherSettings, ...]:
    """Return what to try beside static INT8, those of one kind from the largest file on."""
    eight = WeightOnlySettings(dtype="int8")
    if goal.form is Form.FLOAT:
        return DynamicSettings(), eight
    four = WeightOnlySettings(dtype="int4"), WeightOnlySettings(dtype="int2")
    return DynamicSettings(), eight, WeightOnlySettings(dtype="int4", block_size=32), *four


class OtherKinds:
    """Offers files of other kinds to a keeper.

    Args:
        context: what the search has.
        assume: inputs that are fixed to constants.
    """

    def __init__(self, context: SearchContext, assume: Assume | None) -> None:
        self._context, self._assume = context, assume
        self._left = list(other_kinds(context.goal))
        self.tried: list[Tried] = []

    def offer(self) -> None:
        """Make each kind, as long as it may be better than plans and those before, and offer it.

        Where weights of eight bits alone are no faster than float, fewer bits are left for later.
        """
        self._offer(slow=False)

    def offer_again(self) -> None:
        """Offer the kinds that are left if nothing meets the goal, and the best one once more.

        What took the place of that may be worse after all.
        """
        if not self._context.keeper.best.holds:
            self._offer(slow=True)
        for found in list(self.tried):
            if self._context.keeper.beats(found.kept):
                self._offered(found.settings)

    def _offer(self, *, slow: bool) -> None:
        for settings in self._context.shown(tuple(self._left), "trying other kinds"):
            self._left.remove(settings)
            found = self._offered(settings)
            if found is None:
                continue
            self.tried.append(found)
            if isinstance(settings, DynamicSettings):
                continue
            if self._ends(found.kept):
                self._left.clear()
            if not (self._left and (slow or found.kept.quick)):
                break

    def _ends(self, kept: Kept) -> bool:
        """Whether fewer bits are of no use."""
        if kept.size > self._context.goal.most_bytes:
            return False
        return not (self._context.goal.by_cost and kept.holds)

    def _offered(self, settings: OtherSettings) -> Tried | None:
        """Make and offer a file; None where the kind is none for this model."""
        try:
            done = self._made(settings)
            slowness = self._slowness(settings, done)
            cost = slowness if self._context.goal.form is Form.FLOAT else math.inf
            point = Point(frozenset(), cost, math.inf)
            kept = self._context.keeper.offer(done, point, slowness=slowness, forms={})
        except (NothingQuantized, UnsupportedError, ModelError):
            return None
        return Tried(settings, slowness, kept)

    def _made(self, settings: OtherSettings) -> Started:
        path, record = self._context.started.loaded.path, self._context.bench.work.record
        done = start(
            *(path, kind_of(settings, ORT_CPU), record),
            data=None,
            plan=None,
            assume=self._assume,
            batch_size=1,
            progress=no_progress,
        )
        for step in done.steps:
            step.apply(done.work)
        done.work.judge = self._context.bench.reference
        return done

    def _slowness(self, settings: OtherSettings, done: Started) -> float:
        def measured() -> float | None:
            return self._context.bench.slowness_of(done.work.model)

        return self._context.trials.of_kind(kind_name(settings), measured)
