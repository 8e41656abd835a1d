"""Samples that a record keeps, to measure on what a conversion chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from qconv.data import Batch, Sample, Source
from qconv.data.sample_digests import sample_digests
from qconv.data.source import Feeds

MOST_KEPT = 32
"""How many samples are kept where nobody says otherwise."""

_MOST_BYTES = 64_000_000
_SHARE = 4
_LOOKED_AT = 4096
"""Numbers of an array that draw its lot."""


class KeptSamples:
    """A source without the samples that are kept, which are drawn by what they hold.

    So neither their order nor their names decide. As long as those that are drawn are fewer than a
    quarter of the samples they are held out: the statistics do not know them. Else they count
    there, too.

    Args:
        source: all samples.
        most: how many to keep at most; no more are kept than 64 MB.
    """

    def __init__(self, source: Source, most: int) -> None:
        self._source = source
        self._most = most
        self._drawn: list[tuple[float, str]] = []
        self.feeds: dict[str, Feeds] = {}
        """The samples that were kept, by their digests."""
        self.held_out: set[str] = set()
        """The digests of the samples that were held out."""

    def __len__(self) -> int:
        """Return how many samples there are, the kept ones among them."""
        return len(self._source)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples that are not held out, and keep those that are to be kept."""
        self._drawn.clear()
        self.feeds.clear()
        self.held_out.clear()
        most, count = self._most, len(self._source)
        for place, sample in enumerate(self._source):
            if place == 0:
                most = min(most, _MOST_BYTES // max(1, _size(sample)))
            lot = _lot(sample) if most else 1.0
            if _SHARE * most >= count:
                self._keep(sample, lot, most)
                yield sample
            elif lot < most / count:
                self.held_out.add(self._keep(sample, lot, most))
            else:
                yield sample

    def _keep(self, sample: Sample, lot: float, most: int) -> str:
        """Keep a sample unless so many have lower lots; return its digest."""
        (digest,) = sample_digests(Batch(sample.feeds, (sample.label,), (sample.origin,)))
        if digest not in self.feeds:
            self._drawn.append((lot, digest))
            self._drawn.sort()
            self.feeds[digest] = sample.feeds
        while len(self._drawn) > most or self._bytes > _MOST_BYTES:
            del self.feeds[self._drawn.pop()[1]]
        if digest in self.feeds:
            self.feeds[digest] = {name: array.copy() for name, array in sample.feeds.items()}
        return digest

    @property
    def _bytes(self) -> int:
        return sum(array.nbytes for feeds in self.feeds.values() for array in feeds.values())


def _size(sample: Sample) -> int:
    return sum(array.nbytes for array in sample.feeds.values())


def _lot(sample: Sample) -> float:
    """Return a number from 0 to 1 that some of the numbers of a sample decide."""
    digest = hashlib.sha256()
    for array in sample.feeds.values():
        flat = array.reshape(-1)
        digest.update(np.ascontiguousarray(flat[:: max(1, flat.size // _LOOKED_AT)]).tobytes())
    return int(digest.hexdigest()[:13], 16) / 16**13
