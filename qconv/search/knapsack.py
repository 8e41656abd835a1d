"""The best choice of units for each budget, where costs and gains add up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS = 100_000
"""Into so many parts the largest budget is divided; costs are rounded up to them."""


@dataclass(frozen=True)
class Unit:
    """A part of a model that may have its dear form in the place of the cheap one.

    Attributes:
        name: what it is called.
        cost: what the dear form takes more, in seconds or bytes.
        gain: what it loses less, in the power of the error.
    """

    name: str
    cost: float
    gain: float


def best_choices(units: Sequence[Unit], budgets: Sequence[float]) -> list[frozenset[str]]:
    """Return the units that are to be dear within each budget, so that the gains are largest.

    A knapsack for all budgets at once, by dynamic programming (Bellman 1957): exact but for the
    rounding of costs. Units that gain something at no cost are always dear, those without a gain
    never.
    """
    useful = [unit for unit in units if unit.gain > 0]
    free = frozenset(unit.name for unit in useful if unit.cost <= 0)
    paid = [unit for unit in useful if unit.cost > 0]
    largest = max((budget for budget in budgets if math.isfinite(budget)), default=0.0)
    largest = min(max(largest, 0.0), sum(unit.cost for unit in paid))
    if not paid or largest <= 0:
        return [free for _ in budgets]
    taken, steps = _table(paid, largest)
    found = (_chosen(paid, steps, taken, budget / largest) for budget in budgets)
    return [free | _filled(paid, own, each) for own, each in zip(found, budgets, strict=True)]


def _filled(units: Sequence[Unit], chosen: set[str], budget: float) -> set[str]:
    """Add what still fits: the rounding of many costs can leave room."""
    left = budget * (1 + 1e-9) - sum(unit.cost for unit in units if unit.name in chosen)
    for unit in sorted(units, key=lambda each: (-each.gain, each.name)):
        if unit.name not in chosen and unit.cost <= left:
            chosen.add(unit.name)
            left -= unit.cost
    return chosen


def _table(units: Sequence[Unit], largest: float) -> tuple[NDArray[np.bool_], list[int]]:
    """Return which unit is taken at which budget ``[units, steps + 1]``, and costs in steps."""
    steps = [math.ceil(min(unit.cost / largest, 2.0) * _STEPS - 1e-9) for unit in units]
    gains = np.zeros(_STEPS + 1)
    taken = np.zeros((len(units), _STEPS + 1), np.bool_)
    for row, unit, cost in zip(taken, units, steps, strict=True):
        if cost > _STEPS:
            continue
        with_it = np.full(_STEPS + 1, -np.inf)
        with_it[cost:] = gains[: _STEPS + 1 - cost] + unit.gain
        row[:] = with_it > gains
        gains = np.maximum(gains, with_it)
    return taken, steps


def _chosen(
    units: Sequence[Unit], steps: Sequence[int], taken: NDArray[np.bool_], share: float
) -> set[str]:
    left = math.floor(min(max(share, 0.0), 1.0) * _STEPS + 1e-9)
    chosen: set[str] = set()
    for unit, cost, row in reversed(list(zip(units, steps, taken, strict=True))):
        if row[left]:
            chosen.add(unit.name)
            left -= cost
    return chosen
