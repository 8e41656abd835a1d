"""Measure what the layers of a model cost and gain in other forms, and the plans made of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qconv.conversions.workbench import Form, Forms, Workbench
from qconv.pipeline.trials import Trials
from qconv.progress import Progress
from qconv.search.blocks import parted, prefixes, suffixes
from qconv.search.front import Point, pareto_front
from qconv.search.knapsack import Unit, best_choices
from qconv.search.loss import power
from qconv.search.neighbours import Change, promising

T = TypeVar("T")

_MOST_UNITS = {Form.FLOAT: 32, Form.FOUR_BITS: 200}
"""Layers that are measured alone; of more, neighbours are measured together."""
_BLOCKS = 8
_BUDGETS = 12
_BESIDE, _ROUNDS = 24, {Form.FLOAT: 1, Form.FOUR_BITS: 3}
"""How many plans beside those of the front are measured in a round, and how many rounds."""
_SHARES = (0.4, 0.55, 0.7, 0.8, 0.9, 1.0)
"""Of what a plan takes more than the cheapest one: where better ones are looked for around it."""
_LEAST_COST = 0.25
"""Share of what multiplications alone tell of a cost, below which a measured one is noise."""


@dataclass(frozen=True)
class Effect:
    """What a layer loses alone in its cheap form, and takes more in its dear one.

    The cheap form is INT8 beside float, with all others in float, or INT4 beside INT8, with all
    others in INT8.

    Attributes:
        layers: one layer, or neighbours together.
        form: the one beside INT8.
        sqnr: in dB, of the outputs with its cheap form.
        loss: the power of the error that the cheap form adds; beside float the sum of that and of
            what the dear form takes away where all others are INT8, since layers hide and undo
            each other's errors.
        cost: the share of the float model's time that it takes more in float, or the bytes that
            its weights take more in INT8.
    """

    layers: tuple[str, ...]
    form: Form
    sqnr: float
    loss: float
    cost: float


class Explorer:
    """Finds the front of plans in which some layers have another form.

    Args:
        bench: makes models.
        trials: measures them, and keeps that.
        form: the other form.
        size: of a file whose layers are all INT8, in bytes.
        shares: of the multiplications, by layer.
        deadline: when to stop measuring, on the clock of :func:`time.monotonic`.
        progress: shown over the measurements.
    """

    def __init__(
        self,
        bench: Workbench,
        trials: Trials,
        form: Form,
        *,
        size: float,
        shares: Mapping[str, float],
        deadline: float = math.inf,
        progress: Progress,
    ) -> None:
        self._layers, self._bench, self._trials, self._form = bench.layers, bench, trials, form
        self._size, self._shares = size, shares
        self._deadline, self._progress = deadline, progress
        self.units = parted(self._layers, _MOST_UNITS[form])

    def forms(self, dear: Iterable[str]) -> Forms:
        """Return the forms of all layers where those named have the form that loses less."""
        chosen = set(dear)
        if self._form is Form.FLOAT:
            return dict.fromkeys(sorted(chosen), Form.FLOAT)
        return {name: self._form for name in self._layers if name not in chosen}

    def point(self, dear: frozenset[str]) -> Point:
        """Return what a plan takes and loses; its cost is time, or bytes for fewer bits."""
        loss = power(self._trials.sqnr(self.forms(dear)))
        return Point(dear, self._cost(dear), loss)

    def effects(self, units: Sequence[tuple[str, ...]], label: str) -> list[Effect]:
        """Measure units alone in their cheap form, as long as there is time."""
        usual = power(self._trials.sqnr(self.forms(self._layers)))
        worst = power(self._trials.sqnr(self.forms(())))
        cheapest = self._cost(frozenset())
        found = []
        for unit in self._progress(self._in_time(units), len(units), label):
            own = self._trials.sqnr(self.forms(set(self._layers).difference(unit)))
            loss = power(own) - usual
            if self._form is Form.FLOAT:
                loss += worst - power(self._trials.sqnr(self.forms(unit)))
            cost = self._cost(frozenset(unit)) - cheapest
            found.append(Effect(unit, self._form, own, loss, cost))
        return found

    def front(self, budgets: Sequence[float] = ()) -> list[Point]:
        """Return the plans that no other one beats, from the cheapest to the best.

        Args:
            budgets: of the resource, beside those that are tried anyway.
        """
        singles = self.effects(self.units, "measuring layers")
        found = set(self._choices(singles, budgets))
        if self._form is Form.FLOAT:
            runs = parted(self._layers, _BLOCKS)
            found.update(self._choices(self.effects(runs, "measuring blocks"), budgets))
            found.update((*prefixes(runs), *suffixes(runs)))
        every = sorted(found, key=lambda each: (len(each), sorted(each)))
        points = [self.point(frozenset())]
        if self._form is Form.FLOAT:
            points += [self.point(frozenset(effect.layers)) for effect in singles]
        shown = self._progress(self._in_time(every), len(every), "measuring plans")
        points += [self.point(dear) for dear in shown]
        front = pareto_front(point for point in points if not self._is_float(point.dear))
        changes = [
            Change(frozenset(effect.layers), self._worth(effect.layers, effect.cost), effect.loss)
            for effect in singles
        ]
        for _ in range(_ROUNDS[self._form]):
            front = self._improved(front, changes)
        return front

    def _improved(self, front: Sequence[Point], changes: Sequence[Change]) -> list[Point]:
        """Measure plans beside those of a front that should beat them."""
        every = promising(front, changes, _BESIDE)
        shown = self._progress(
            self._in_time(every), len(every), "measuring plans similar to the best"
        )
        points = [self.point(dear) for dear in shown if not self._is_float(dear)]
        return pareto_front([*front, *points])

    def around(self, best: Point, most: float) -> list[Point]:
        """Return the plans that change a plan where that pays, for budgets up to ``most``.

        Each layer is measured once more, changed in that plan.
        """
        units, changed = [], []
        label = "measuring layers in the best plan"
        shown = self._progress(self._in_time(self.units), len(self.units), label)
        for place, layers in enumerate(shown):
            other = self.point(best.dear.symmetric_difference(layers))
            changed.append(other)
            dear = best.dear.issuperset(layers)
            gain = other.loss - best.loss if dear else best.loss - other.loss
            units.append(Unit(str(place), self._worth(layers, abs(best.cost - other.cost)), gain))
        cheapest = self._cost(frozenset())
        budgets = [share * (most - cheapest) for share in _SHARES]
        found = {
            frozenset(name for place in chosen for name in self.units[int(place)])
            for chosen in best_choices(units, budgets)
        }
        every = sorted(found, key=lambda each: (len(each), sorted(each)))
        shown_plans = self._progress(self._in_time(every), len(every), "measuring plans")
        points = [*changed, *(self.point(dear) for dear in shown_plans)]
        return [point for point in points if not self._is_float(point.dear)]

    @property
    def least_cost(self) -> float:
        """What the cheapest plan takes."""
        return self._cost(frozenset())

    def _cost(self, dear: frozenset[str]) -> float:
        forms = self.forms(dear)
        if self._form is Form.FLOAT:
            return self._trials.slowness(forms)
        return self._size + sum(self._bench.more_bytes(*each) for each in forms.items())

    def _is_float(self, dear: frozenset[str]) -> bool:
        """Whether nothing but the float model is left."""
        return self._form is Form.FLOAT and dear.issuperset(self._layers)

    def _worth(self, layers: Iterable[str], cost: float) -> float:
        """Return a cost as it was measured, or what it must be at least."""
        if self._form is not Form.FLOAT:
            return cost
        share = sum(self._shares.get(layer, 0.0) for layer in layers)
        return max(cost, _LEAST_COST * share * max(0.0, 1 - self._cost(frozenset())))

    def _choices(self, effects: Sequence[Effect], budgets: Sequence[float]) -> list[frozenset[str]]:
        """Return the layers that are dear, for budgets of what the dear forms take more."""
        units = [
            Unit(str(place), self._worth(effect.layers, effect.cost), effect.loss)
            for place, effect in enumerate(effects)
        ]
        total = sum(max(unit.cost, 0.0) for unit in units)
        cheapest = self._cost(frozenset())
        steps = [total * (step / _BUDGETS) ** 2 for step in range(1, _BUDGETS + 1)]
        wanted = [*steps, *(budget - cheapest for budget in budgets if budget >= cheapest)]
        chosen = best_choices(units, wanted)
        return [frozenset(n for p in each for n in effects[int(p)].layers) for each in chosen]

    def _in_time(self, items: Sequence[T]) -> Iterator[T]:
        for item in items:
            if time.monotonic() > self._deadline:
                return
            yield item
