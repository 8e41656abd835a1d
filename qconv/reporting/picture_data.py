"""The graph of a variant, folded to what a page can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

MOST_ISLANDS = 60
Kind = Literal["integer", "float", "mixed", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Island:
    """Operators that hang together, or stand side by side, and compute the same way.

    Attributes:
        label: the name of a single operator, else the most frequent types.
        kind: ``integer``, ``float``, ``other`` for what works on neither (sizes, indices, truth
            values), or ``mixed`` where islands of both are folded together.
        operators: how many there are of each type.
        reason: why those in float are; empty where none is.
    """

    label: str
    kind: Kind
    operators: Mapping[str, int]
    reason: str


@dataclass(frozen=True)
class Picture:
    """Islands, each behind all that it reads.

    Attributes:
        islands: at most 60.
        edges: pairs of places in that list: one that gives, and one that reads.
    """

    islands: tuple[Island, ...]
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if len(self.islands) > MOST_ISLANDS:
            raise ValueError(f"it has more than {MOST_ISLANDS} islands")
        if not all(0 <= first < second < len(self.islands) for first, second in self.edges):
            raise ValueError("an edge does not lead to an island behind")
        if len(set(self.edges)) < len(self.edges):
            raise ValueError("an edge is there twice")
