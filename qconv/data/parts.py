"""Some samples of a source, chosen by their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qconv.data.source import Sample, Source


class Part:
    """The samples at some places of a source, in its order."""

    def __init__(self, source: Source, places: Sequence[int]) -> None:
        self._source = source
        self._places = frozenset(places)

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self._places)

    def __iter__(self) -> Iterator[Sample]:
        """Yield them."""
        for place, sample in enumerate(self._source):
            if place in self._places:
                yield sample
