"""Several places of data seen as one sequence, whole or thinned out evenly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from qconv.data.source import Sample


class Reader(Protocol):
    """One place of data (a file, a folder, a function) with random access to its samples."""

    def __len__(self) -> int: ...

    def check(self, indices: Iterable[int]) -> None:
        """Validate the chosen samples as far as headers tell, before any is read.

        Raises:
            DataError: one of them does not fit the model.
        """
        ...

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the samples at ``indices``, which ascend, one at a time.

        Raises:
            DataError: a sample does not fit the model, cannot be read, or holds NaN or Inf.
        """
        ...


@dataclass(frozen=True)
class Spread:
    """Of the numbers ``i * total // chosen``, those from ``start`` up to ``stop``, less ``start``.

    They are computed when they are asked for: there may be billions.
    """

    total: int
    chosen: int
    start: int
    stop: int

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[int]:
        return (place * self.total // self.chosen - self.start for place in self._places)

    @property
    def _places(self) -> range:
        return range(self._first(self.start), self._first(self.stop))

    def _first(self, number: int) -> int:
        """Return the least place whose number is ``number`` or more."""
        return -(-number * self.chosen // self.total) if self.total else 0


def evenly_spread(total: int, count: int | None) -> Spread:
    """Return ``count`` ascending indices spread evenly over ``range(total)``.

    Index i is ``i * total // count``: 100 of 500 are 0, 5, 10, ... All of them for None, or
    where there are no more than ``count``.
    """
    return Spread(total, total if count is None else min(count, total), 0, total)


class Dataset:
    """The chosen samples of several readers, one reader after the other: a ``Source``."""

    def __init__(self, readers: Sequence[Reader], samples: int | None = None) -> None:
        """Choose ``samples`` of all (None: every one), and validate these by their headers.

        Raises:
            DataError: a chosen sample does not fit the model.
        """
        chosen = evenly_spread(sum(len(reader) for reader in readers), samples)
        self._length = len(chosen)
        self._parts: list[tuple[Reader, Spread]] = []
        start = 0
        for reader in readers:
            stop = start + len(reader)
            mine = replace(chosen, start=start, stop=stop)
            if mine:
                reader.check(mine)
                self._parts.append((reader, mine))
            start = stop

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Sample]:
        for reader, indices in self._parts:
            yield from reader.read(indices)
