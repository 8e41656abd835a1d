"""Plans beside those of a front, which may beat them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from qconv.search.front import Point


@dataclass(frozen=True)
class Change:
    """What giving some units their dear form changes, as far as that is known from them alone.

    Attributes:
        units: their names.
        cost: what they take more.
        gain: what they lose less.
    """

    units: frozenset[str]
    cost: float
    gain: float


def promising(front: Sequence[Point], changes: Sequence[Change], most: int) -> list[frozenset[str]]:
    """Return plans one change, or one exchange, away from a front that should beat it.

    Args:
        front: from the cheapest to the best.
        changes: what may be changed; costs and gains are taken to add up.
        most: how many plans to return, those first that should beat the front by most.
    """
    known = {point.dear for point in front}
    costs = [point.cost for point in front]
    found: dict[frozenset[str], float] = {}
    for point in front:
        for dear, cost, loss in _beside(point, changes):
            place = bisect_right(costs, cost * (1 + 1e-9)) - 1
            if dear in known or place < 0 or front[place].loss <= 0:
                continue
            ratio = max(loss, 0.0) / front[place].loss
            if ratio < 1:
                found[dear] = min(ratio, found.get(dear, ratio))
    return sorted(found, key=lambda dear: (found[dear], sorted(dear)))[:most]


def _beside(point: Point, changes: Sequence[Change]) -> list[tuple[frozenset[str], float, float]]:
    """Return the plans beside one, each with the cost and the loss that it should have."""
    added, removed = [], []
    for change in changes:
        if change.units <= point.dear:
            removed.append(change)
        elif not change.units & point.dear:
            added.append(change)
    found = [(point.dear | one.units, one.cost, -one.gain) for one in added]
    found += [(point.dear - one.units, -one.cost, one.gain) for one in removed]
    found += [
        ((point.dear | one.units) - other.units, one.cost - other.cost, other.gain - one.gain)
        for one in added
        for other in removed
    ]
    return [(dear, point.cost + cost, point.loss + loss) for dear, cost, loss in found]
