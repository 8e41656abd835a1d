"""Samples that a record keeps, to measure on what a conversion chooses."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.calibration.observe import sample_digests
from qconv.data import Batch, Sample, Source
from qconv.data.source import Feeds

MOST_KEPT = 32
"""How many samples are kept where nobody says otherwise."""

_MOST_BYTES = 64_000_000
_SHARE = 4


class KeptSamples:
    """A source without the samples that are kept, which are spread evenly over it.

    As long as they are fewer than a quarter of the samples they are held out: the statistics do
    not know them. Else they count there, too.

    Args:
        source: all samples.
        most: how many to keep at most; those that would take more than 64 MB are not kept.
    """

    def __init__(self, source: Source, most: int) -> None:
        self._source = source
        count = min(most, len(source))
        self._places = {(2 * index + 1) * len(source) // (2 * count) for index in range(count)}
        self._holds_out = _SHARE * count < len(source)
        self.feeds: dict[str, Feeds] = {}
        """The samples that were kept, by their digests."""
        self.held_out: set[str] = set()
        """The digests of the samples that were held out."""

    def __len__(self) -> int:
        """Return how many samples there are, the kept ones among them."""
        return len(self._source)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples that are not held out, and keep those that are to be kept."""
        self.feeds.clear()
        self.held_out.clear()
        self._bytes = 0
        for place, sample in enumerate(self._source):
            if place not in self._places or not self._keep(sample) or not self._holds_out:
                yield sample

    def _keep(self, sample: Sample) -> bool:
        size = sum(array.nbytes for array in sample.feeds.values())
        if self._bytes + size > _MOST_BYTES:
            return False
        (digest,) = sample_digests(Batch(sample.feeds, (sample.label,), (sample.origin,)))
        if digest not in self.feeds:
            self._bytes += size
            self.feeds[digest] = {name: array.copy() for name, array in sample.feeds.items()}
        if self._holds_out:
            self.held_out.add(digest)
        return True
