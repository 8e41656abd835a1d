"""Folding a graph without circles into few parts, so that the parts have no circles either."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass

MIXED, NEUTRAL = "mixed", "other"
"""The kind of parts of several kinds, and the one that goes with all others."""
_FEW = 300
"""Parts that are few enough to look at each path between two."""


@dataclass(frozen=True)
class Parts:
    """What each part holds, its kind, and the parts that it reads, all of them before it."""

    members: tuple[tuple[int, ...], ...]
    kinds: tuple[str, ...]
    sources: tuple[frozenset[int], ...]

    def __len__(self) -> int:
        return len(self.members)

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Pairs of a part that gives and one that reads, in order of these."""
        return [
            (source, part) for part in range(len(self)) for source in sorted(self.sources[part])
        ]

    @property
    def targets(self) -> list[set[int]]:
        """The parts that read each part."""
        found: list[set[int]] = [set() for _ in self.members]
        for source, part in self.edges:
            found[source].add(part)
        return found


def fold(kinds: Sequence[str], sources: Sequence[Set[int]], most: int) -> Parts:
    """Fold a graph into parts, first of one kind each, then, where they are too many, of several.

    Args:
        kinds: of each node.
        sources: the nodes that each node reads, all of them before it.
        most: how many parts there may be.
    """
    nodes = range(len(kinds))
    parts = Parts(tuple((node,) for node in nodes), tuple(kinds), tuple(map(frozenset, sources)))
    parts = _merged(parts, _by_changes(parts))
    if len(parts) <= _FEW:
        while (pair := next(_contractible(parts), None)) is not None:
            parts = _merged(
                parts, [pair[0] if each == pair[1] else each for each in range(len(parts))]
            )
    while len(twins := _merged(parts, _twins(parts))) < len(parts):
        parts = twins
    while len(parts) > most:
        parts = _merged(parts, _neighbours(parts, most))
    return parts


def _by_changes(parts: Parts) -> list[Hashable]:
    """Group connected nodes of one kind that as many changes of the kind lead to.

    A path that leaves such a group has one change more, and cannot come back.
    """
    changes: list[int] = []
    leader = list(range(len(parts)))

    def leading(part: int) -> int:
        while leader[part] != part:
            leader[part] = leader[leader[part]]
            part = leader[part]
        return part

    for part, kind in enumerate(parts.kinds):
        sources = parts.sources[part]
        level = max((changes[s] + (parts.kinds[s] != kind) for s in sources), default=0)
        changes.append(level)
        for source in sources:
            if changes[source] == level:
                leader[leading(source)] = leading(part)
    return [leading(part) for part in range(len(parts))]


def _contractible(parts: Parts) -> Iterator[tuple[int, int]]:
    """Yield the edges between parts of one kind that no other path goes beside."""
    targets = parts.targets
    for source, part in parts.edges:
        if parts.kinds[source] != parts.kinds[part]:
            continue
        pending = [each for each in targets[source] if each < part]
        seen = set(pending)
        while pending:
            new = {each for each in targets[pending.pop()] if each <= part} - seen
            seen |= new
            pending.extend(new)
        if part not in seen:
            yield source, part


def _twins(parts: Parts) -> list[Hashable]:
    """Group parts of one kind that read the same parts, and that the same parts read."""
    targets = parts.targets
    return [
        (parts.kinds[part], parts.sources[part], frozenset(targets[part]))
        for part in range(len(parts))
    ]


def _neighbours(parts: Parts, most: int) -> list[Hashable]:
    """Pair parts that follow each other: of one kind, connected and small ones first.

    As the parts are in order, no path leads from the second of a pair back to the first.
    """

    def price(part: int) -> tuple[bool, bool, int]:
        mixes = len({*parts.kinds[part : part + 2]} - {NEUTRAL}) > 1
        size = len(parts.members[part]) + len(parts.members[part + 1])
        return mixes, part not in parts.sources[part + 1], size

    group = list(range(len(parts)))
    excess = len(parts) - most
    for part in sorted(range(len(parts) - 1), key=price):
        if excess and group[part] == part and group[part + 1] == part + 1:
            taken = part + 2 < len(parts) and group[part + 2] == part + 1
            if not taken:
                group[part + 1] = part
                excess -= 1
    return list(group)


def _merged(parts: Parts, groups: Sequence[Hashable]) -> Parts:
    """Return the parts of each group as one, in an order that goes along paths."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    owner = [numbers[group] for group in groups]
    members: list[list[int]] = [[] for _ in numbers]
    kinds: list[set[str]] = [set() for _ in numbers]
    sources: list[set[int]] = [set() for _ in numbers]
    for part, number in enumerate(owner):
        members[number].extend(parts.members[part])
        kinds[number].add(parts.kinds[part])
        sources[number] |= {owner[source] for source in parts.sources[part]} - {number}
    order = _order(sources)
    places = {number: place for place, number in enumerate(order)}
    return Parts(
        tuple(tuple(sorted(members[number])) for number in order),
        tuple(_kind(kinds[number]) for number in order),
        tuple(frozenset(places[source] for source in sources[number]) for number in order),
    )


def _kind(kinds: Set[str]) -> str:
    found = sorted(kinds - {NEUTRAL}) or [NEUTRAL]
    return found[0] if len(found) == 1 else MIXED


def _order(sources: Sequence[Set[int]]) -> list[int]:
    """Return an order in which each stands behind its sources, next to one if it can."""
    targets: list[list[int]] = [[] for _ in sources]
    missing = [len(own) for own in sources]
    for part, own in enumerate(sources):
        for source in own:
            targets[source].append(part)
    ready = [part for part in reversed(range(len(sources))) if not missing[part]]
    order = []
    while ready:
        part = ready.pop()
        order.append(part)
        for target in reversed(targets[part]):
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return order
