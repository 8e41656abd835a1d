"""Points of cost and loss: which are not beaten, and the cheapest that is good enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A plan that was measured: the units in their dear form, and what it takes and loses."""

    dear: frozenset[str]
    cost: float
    loss: float


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other one beats in both, from the cheapest to the best."""
    front: list[Point] = []
    for point in sorted(points, key=lambda each: (each.cost, each.loss, sorted(each.dear))):
        if not front or point.loss < front[-1].loss:
            front.append(point)
    return front


def cheapest(
    front: Sequence[Point], passes: Callable[[Point], bool]
) -> tuple[Point | None, tuple[Point, ...]]:
    """Return the cheapest point of a front that passes, and all that were asked about.

    Points pass from some cost on, as far as that is known: the search halves the front. Where the
    best point fails, none is returned.
    """
    asked: list[Point] = []

    def ask(index: int) -> bool:
        asked.append(front[index])
        return passes(front[index])

    if not front:
        return None, ()
    if ask(0):
        return front[0], tuple(asked)
    last = len(front) - 1
    if last == 0 or not ask(last):
        return None, tuple(asked)
    fails, holds = 0, last
    while holds - fails > 1:
        middle = (fails + holds) // 2
        if ask(middle):
            holds = middle
        else:
            fails = middle
    return front[holds], tuple(asked)


def best_within(front: Sequence[Point], budget: float) -> Point | None:
    """Return the point of least loss that costs no more than a budget."""
    within = [point for point in front if point.cost <= budget]
    return min(within, key=lambda point: point.loss, default=None)
