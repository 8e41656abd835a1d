"""Measure what the layers of a model cost and gain in other forms, and the plans made of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qconv.conversions.workbench import Form, Forms, Workbench
from qconv.pipeline.trials import Measured, Trials
from qconv.progress import Progress
from qconv.search.blocks import parted, prefixes, suffixes
from qconv.search.front import Point, best_within, pareto_front
from qconv.search.knapsack import Unit, best_choices
from qconv.search.loss import power

T = TypeVar("T")

_MOST_UNITS = 200
_BLOCKS = 16
_BUDGETS = 12
_ROUNDS = 2


@dataclass(frozen=True)
class Effect:
    """What a layer loses alone in its cheap form, and takes more in its dear one.

    The cheap form is INT8 beside float, with all others in float, or INT4 beside INT8, with all
    others in INT8.

    Attributes:
        layers: one layer, or neighbours together.
        form: the one beside INT8.
        sqnr: in dB, of the outputs with its cheap form.
        loss: the power of the error that the cheap form adds.
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
        bench: makes and judges models.
        trials: keeps what is measured.
        form: the other form.
        size: of a file whose layers are all INT8, in bytes.
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
        deadline: float = math.inf,
        progress: Progress,
    ) -> None:
        self._bench, self._trials, self._form = bench, trials, form
        self._size, self._deadline, self._progress = size, deadline, progress
        self.units = parted(bench.layers, _MOST_UNITS)

    def forms(self, dear: Iterable[str]) -> Forms:
        """Return the forms of all layers where those named have the form that loses less."""
        chosen = set(dear)
        if self._form is Form.FLOAT:
            return dict.fromkeys(sorted(chosen), Form.FLOAT)
        return {name: self._form for name in self._bench.layers if name not in chosen}

    def measure(self, forms: Forms) -> Measured:
        """Return what a model of these forms loses and takes."""
        return self._trials.measure(forms, self._judge)

    def bytes_of(self, forms: Forms) -> float:
        """Return the size of its file in bytes, as predicted."""
        return self._size + sum(self._bench.more_bytes(name, form) for name, form in forms.items())

    def point(self, dear: frozenset[str]) -> Point:
        """Return what a plan takes and loses; its cost is time, or bytes for fewer bits."""
        forms = self.forms(dear)
        found = self.measure(forms)
        cost = self._slowness(found) if self._form is Form.FLOAT else self.bytes_of(forms)
        return Point(dear, cost, power(found.sqnr))

    def _slowness(self, found: Measured) -> float:
        """Return the time over that of a model whose layers are all float, as measured here."""
        return found.slowness / self.measure(self.forms(self._bench.layers)).slowness

    def effects(self, units: Sequence[tuple[str, ...]], label: str) -> list[Effect]:
        """Measure units alone in their cheap form, as long as there is time."""
        layers = self._bench.layers
        usual = self.measure(self.forms(layers))
        found = []
        for unit in self._progress(self._in_time(units), len(units), label):
            forms = self.forms(set(layers).difference(unit))
            own = self.measure(forms)
            if self._form is Form.FLOAT:
                cost = self._slowness(usual) - self._slowness(own)
            else:
                cost = self.bytes_of({}) - self.bytes_of(forms)
            loss = power(own.sqnr) - power(usual.sqnr)
            found.append(Effect(unit, self._form, own.sqnr, loss, cost))
        return found

    def front(self, shares: Mapping[str, float], budgets: Sequence[float] = ()) -> list[Point]:
        """Return the plans that no other one beats, from the cheapest to the best.

        Args:
            shares: of the multiplications, by layer, from which the cost in time is told together
                with what was measured of it.
            budgets: of the resource, beside those that are tried anyway.
        """
        singles = self.effects(self.units, "measuring layers")
        found = set(self._choices(singles, shares, budgets))
        if self._form is Form.FLOAT:
            runs = parted(self._bench.layers, _BLOCKS)
            blocks = self.effects(runs, "measuring blocks")
            found.update(self._choices(blocks, shares, budgets))
            found.update((*prefixes(runs), *suffixes(runs)))
        every = sorted(found, key=lambda each: (len(each), sorted(each)))
        points = [self.point(frozenset())]
        shown = self._progress(self._in_time(every), len(every), "measuring plans")
        points += [self.point(dear) for dear in shown]
        for budget in budgets:
            points += self._refined(points, budget, shares)
        return pareto_front(point for point in points if not self._is_float(point.dear))

    def _is_float(self, dear: frozenset[str]) -> bool:
        """Whether nothing but the float model is left."""
        return self._form is Form.FLOAT and dear.issuperset(self._bench.layers)

    def _refined(
        self, points: Sequence[Point], budget: float, shares: Mapping[str, float]
    ) -> list[Point]:
        """Measure layers again, each changed in the best plan within a budget, and choose anew."""
        found = [point for point in points if not self._is_float(point.dear)]
        for _ in range(_ROUNDS):
            best = best_within(found, budget)
            if best is None or time.monotonic() > self._deadline:
                break
            label = "measuring layers in the best plan"
            shown = self._progress(self._in_time(self.units), len(self.units), label)
            units = []
            for place, layers in enumerate(shown):
                other = self.point(best.dear.symmetric_difference(layers))
                worth = abs(best.cost - other.cost)
                if self._form is Form.FLOAT:
                    prior = self._prior(layers, shares)
                    worth = max((worth + prior) / 2, prior / 10)
                dear = best.dear.issuperset(layers)
                gain = other.loss - best.loss if dear else best.loss - other.loss
                units.append(Unit(str(place), worth, gain))
            spare = budget - self.point(frozenset()).cost
            (chosen,) = best_choices(units, [spare])
            dear_layers = frozenset(n for p in chosen for n in self.units[int(p)])
            if not self._is_float(dear_layers):
                found.append(self.point(dear_layers))
        return found

    def _prior(self, layers: Iterable[str], shares: Mapping[str, float]) -> float:
        """Return what layers take more in float as far as their multiplications tell."""
        share = sum(shares.get(layer, 0.0) for layer in layers)
        return share * max(0.0, 1 - self._slowness(self.measure({})))

    def _judge(self, forms: Forms) -> Measured:
        judged = self._bench.judge(forms)
        named = {name: form.value for name, form in forms.items()}
        if judged is None:
            return Measured(named, -math.inf, 1.0)
        return Measured(named, judged.overall, judged.slowness)

    def _units(self, effects: Sequence[Effect], shares: Mapping[str, float]) -> list[Unit]:
        found = []
        for place, effect in enumerate(effects):
            cost = effect.cost
            if self._form is Form.FLOAT:
                prior = self._prior(effect.layers, shares)
                cost = max((cost + prior) / 2, prior / 10)
            found.append(Unit(str(place), cost, effect.loss))
        return found

    def _choices(
        self, effects: Sequence[Effect], shares: Mapping[str, float], budgets: Sequence[float]
    ) -> list[frozenset[str]]:
        """Return the layers that are dear, for budgets of what the dear forms take more."""
        units = self._units(effects, shares)
        total = sum(max(unit.cost, 0.0) for unit in units)
        cheapest = self.point(frozenset()).cost
        steps = [total * (step / _BUDGETS) ** 2 for step in range(1, _BUDGETS + 1)]
        wanted = [*steps, *(budget - cheapest for budget in budgets if budget >= cheapest)]
        chosen = best_choices(units, wanted)
        return [frozenset(n for p in each for n in effects[int(p)].layers) for each in chosen]

    def _in_time(self, items: Sequence[T]) -> Iterator[T]:
        for item in items:
            if time.monotonic() > self._deadline:
                return
            yield item
