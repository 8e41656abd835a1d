"""A search among plans of static INT8 for the best file that holds a goal."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property

from qconv.calibration.record import record_hash
from qconv.conversions.workbench import Form, Forms, Workbench
from qconv.errors import NothingQuantized
from qconv.evaluation.layer_work import layer_macs
from qconv.pipeline.exploring import Explorer
from qconv.pipeline.keeping import Kept
from qconv.pipeline.search_context import SearchContext
from qconv.pipeline.starting import Started
from qconv.recipe.settings import Int8Settings
from qconv.search.front import Point, best_within, cheapest, pareto_front
from qconv.version import __version__

_ROUNDS = 2
_CONFIRMED = 2
"""So many of the plans that lose less must hold the gates, too."""


def subject(started: Started, bench: Workbench) -> str:
    """Return a hash of what measured numbers depend on."""
    if bench.work.record is None:
        raise ValueError("a search has data, and so a record")
    known = started.loaded.fingerprint, record_hash(bench.work.record)
    made = [__version__, *known, asdict(bench.work.settings)]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()


class Search:
    """Offers files to a keeper.

    Args:
        context: what the search has.
        in_sequence: whether to round in sequence where less does not do.
    """

    def __init__(self, context: SearchContext, *, in_sequence: bool) -> None:
        self._context, self._in_sequence = context, in_sequence
        self._size = 0

    def begin(self) -> bool:
        """Write the file whose layers are all INT8; return whether no other one can be better."""
        goal, trials = self._context.goal, self._context.trials
        timed = goal.min_speedup is not None and goal.form is Form.FLOAT
        point = Point(frozenset(), trials.slowness({}) if timed else -math.inf, math.inf)
        kept = self._offer({}, point)
        self._size = 0 if kept is None else kept.size
        if goal.objective != "speed":
            return False
        if not self._context.keeper.best.holds and self._polishes:
            self._offer({}, point, in_sequence=True)
        return self._context.keeper.best.holds

    def run(self) -> list[Point]:
        """Measure plans, offer the best ones, and return the front."""
        budget = self._context.goal.budget
        limits = [budget] if math.isfinite(budget) else []
        front = self.explorer.front(limits)
        for most in limits * _ROUNDS:
            best = best_within(front, most)
            if best is not None:
                front = pareto_front([*front, *self.explorer.around(best, most)])
        allowed = [point for point in front if point.cost <= budget] or front[:1]
        if self._context.goal.by_cost:
            self._offer_cheap(allowed)
            if self._context.keeper.best.holds:
                return front
        self._offer_exact(allowed)
        return front

    def may_beat(self, kept: Kept) -> bool:
        """Whether a plan may be better than a file of another kind."""
        if not (self._context.goal.by_cost and kept.holds and kept.quick):
            return True
        return self.explorer.least_cost < self._context.keeper.cost(kept)

    @cached_property
    def explorer(self) -> Explorer:
        """What measures plans, once the file whose layers are all INT8 is written."""
        return Explorer(
            *(self._context.bench, self._context.trials, self._context.goal.form),
            size=self._size,
            shares=self._shares,
            deadline=self._context.deadline,
            progress=self._context.progress,
        )

    @property
    def _shares(self) -> Mapping[str, float]:
        """The shares of multiplications of the layers."""
        bench = self._context.bench
        macs = layer_macs(bench.work.model, bench.reference.feeds[0]) or {}
        numbers = {name: macs.get(name, 0 if macs else 1) for name in bench.layers}
        total = sum(numbers.values())
        return {name: number / max(1, total) for name, number in numbers.items()}

    @property
    def _polishes(self) -> bool:
        """Whether there is time to round in sequence, and that is wanted."""
        return self._in_sequence and not self._context.late

    def _offer_cheap(self, front: list[Point]) -> None:
        """Offer the cheapest plans that hold the gates, rounded in sequence, too."""

        def passes(point: Point) -> bool:
            return not self._context.late and self._holds(point)

        best = cheapest(front, passes, _CONFIRMED)
        if best is None:
            return
        self._settle(best)
        if not self._polishes:
            return
        held = {best.dear: True, frozenset[str](): False}

        def passes_polished(point: Point) -> bool:
            if point.dear not in held:
                held[point.dear] = self._polishes and self._holds(point, in_sequence=True)
            return held[point.dear]

        cheaper = [point for point in front if point.cost <= best.cost]
        found = cheapest(cheaper, passes_polished, 1)
        if found is not None:
            self._settle(found, in_sequence=True)

    def _offer_exact(self, front: list[Point]) -> None:
        """Offer the plan that loses least and is small enough, rounded in sequence, too."""
        for point in sorted(front, key=lambda each: each.loss):
            kept = self._offer(self.explorer.forms(point.dear), point)
            if kept is not None and kept.size <= self._context.goal.most_bytes:
                break
        best = self._context.keeper.best
        static = isinstance(best.settings, Int8Settings) and not best.settings.sequential
        if static and self._polishes:
            self._offer(best.forms, best.point, in_sequence=True)

    def _settle(self, point: Point, *, in_sequence: bool = False) -> None:
        """Put a file at its place in the stead of one that looks better by luck."""
        best, forms = self._context.keeper.best, self.explorer.forms(point.dear)
        if isinstance(best.settings, Int8Settings) and best.forms != forms:
            self._context.keeper.withdraw()
            self._offer(forms, point, in_sequence=in_sequence)

    def _holds(self, point: Point, *, in_sequence: bool = False) -> bool:
        kept = self._offer(self.explorer.forms(point.dear), point, in_sequence=in_sequence)
        return kept is not None and kept.holds

    def _offer(self, forms: Forms, point: Point, *, in_sequence: bool = False) -> Kept | None:
        """Offer the file of a plan; None where nothing of it would be in integers."""
        try:
            work = self._context.bench.result(forms, in_sequence=in_sequence)
        except NothingQuantized:
            return None
        slowness = None
        if self._context.goal.min_speedup is not None or self._context.goal.form is Form.FOUR_BITS:
            slowness = self._context.trials.slowness(forms)
        done = replace(self._context.started, work=work)
        return self._context.keeper.offer(done, point, slowness=slowness, forms=forms)
