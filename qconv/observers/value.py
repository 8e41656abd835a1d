"""All statistics of one value, and how arrays of it are summarized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.channels import ChannelRanges
from qconv.observers.histogram import Histogram
from qconv.observers.means import ChannelMeans
from qconv.observers.ranges import Range
from qconv.observers.statistic import SENTINEL, Arrays, Statistic

Floats = NDArray[np.float32]


class NotFinite(ValueError):  # noqa: N818 - a finding about data, turned into an error above
    """The array holds NaN or Inf; the message says which."""


@dataclass
class ValueStatistics:
    """Range, histogram and channel means of one value; each may be empty.

    ``channels`` holds the range of each channel of what products read: of the last axis.
    """

    range: Range = field(default_factory=Range)
    histogram: Histogram = field(default_factory=Histogram)
    means: ChannelMeans = field(default_factory=ChannelMeans)
    channels: ChannelRanges = field(default_factory=ChannelRanges)

    KINDS: ClassVar[Mapping[str, type[Any]]] = {
        "range": Range,
        "histogram": Histogram,
        "means": ChannelMeans,
        "channels": ChannelRanges,
    }

    def parts(self) -> dict[str, Statistic]:
        """Return its statistics by the names of :attr:`KINDS`."""
        return {kind: getattr(self, kind) for kind in self.KINDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Arrays]) -> Self:
        """Rebuild from the arrays of each part."""
        return cls(**{kind: part.from_arrays(arrays[kind]) for kind, part in cls.KINDS.items()})

    def merge(self, other: Self) -> None:
        """Add what another instance has seen."""
        self.range.merge(other.range)
        self.histogram.merge(other.histogram)
        self.means.merge(other.means)
        self.channels.merge(other.channels)

    def update(self, array: Floats, channel_axis: int | None, *, histogram: bool) -> None:
        """Summarize a whole array ``[N, ...]``, leaving out sentinels.

        Raises:
            NotFinite: the array holds NaN or Inf.
        """
        if not array.size:
            return
        data = self._without_sentinels(array)
        self.range.update(data)
        if histogram:
            self.histogram.update(data)
        if channel_axis is not None:
            self._update_means(array, channel_axis)

    def _without_sentinels(self, array: Floats) -> Floats:
        if array.min() > -SENTINEL and array.max() < SENTINEL:
            return array
        if np.isnan(array).any():
            raise NotFinite("NaN")
        if np.isinf(array).any():
            raise NotFinite("Inf")
        kept: Floats = array[np.abs(array) < SENTINEL]
        return kept

    def _update_means(self, array: Floats, channel_axis: int) -> None:
        array = np.atleast_2d(array)
        channels = array.shape[channel_axis]
        rows = np.moveaxis(array, channel_axis, -1).reshape(len(array), -1, channels)
        rows = np.where(np.abs(rows) < SENTINEL, rows, np.float32(0))
        self.means.update(rows.mean(axis=1, dtype=np.float64), rows.shape[1])
        if channel_axis == -1:
            self.channels.update(rows)
