"""Runs of neighbours, in which errors that build up together can be seen together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def parted(names: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """Part names in their order into at most so many runs of nearly the same length."""
    count = min(most, len(names))
    ends = [round(index * len(names) / count) for index in range(count + 1)] if count else []
    return [tuple(names[a:b]) for a, b in pairwise(ends)]


def prefixes(runs: Sequence[tuple[str, ...]]) -> list[frozenset[str]]:
    """Return the names of the first run, of the first two, and so on, but not those of all."""
    return [frozenset(n for run in runs[: end + 1] for n in run) for end in range(len(runs) - 1)]


def suffixes(runs: Sequence[tuple[str, ...]]) -> list[frozenset[str]]:
    """Return the names of the last run, of the last two, and so on, but not those of all."""
    return prefixes(runs[::-1])
