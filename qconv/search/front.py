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
    front: Sequence[Point], passes: Callable[[Point], bool], confirmed: int = 0
) -> Point | None:
    """Return the cheapest point of a front that passes.

    Points pass from some cost on, as far as that is known: the search halves the front. Whether
    one passes is told by few samples, so that luck may decide; a point counts if so many of those
    that come next pass, too. Where the best point fails, none is returned.

    Args:
        front: from the cheapest to the best.
        passes: is asked once at most about each point.
        confirmed: how many that lose less must pass, too.
    """
    known: dict[int, bool] = {}

    def ask(index: int) -> bool:
        if index not in known:
            known[index] = passes(front[index])
        return known[index]

    last = len(front) - 1
    if not front or not ask(last):
        return None
    fails, holds = (-1, 0) if ask(0) else (0, last)
    while holds - fails > 1:
        middle = (fails + holds) // 2
        if ask(middle):
            holds = middle
        else:
            fails = middle
    while lucky := [i for i in range(holds + 1, min(holds + confirmed, last) + 1) if not ask(i)]:
        holds = next(index for index in range(lucky[-1] + 1, last + 1) if ask(index))
    return front[holds]


def best_within(front: Sequence[Point], budget: float) -> Point | None:
    """Return the point of least loss that costs no more than a budget."""
    within = [point for point in front if point.cost <= budget]
    return min(within, key=lambda point: point.loss, default=None)
