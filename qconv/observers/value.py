"""All statistics of one value, and how arrays of it are summarized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.channel_ranges import ChannelRanges
from qconv.observers.histogram import Histogram
from qconv.observers.means import ChannelMeans
from qconv.observers.ranges import Range
from qconv.observers.statistic import SENTINEL, Arrays, Statistic

Floats = NDArray[np.float32]


class NotFinite(ValueError):  # noqa: N818 - a finding about data, turned into an error above
    """The array holds NaN or +Inf; the message says which."""


@dataclass
class ValueStatistics:
    """Range, histogram and channel means of one value; each may be empty.

    ``channels`` holds the range of each channel, where these are of use. ``derived`` says that
    this was computed from what was seen of another value: then the histogram is not known, and
    the range is to be taken as it is.
    """

    range: Range = field(default_factory=Range)
    histogram: Histogram = field(default_factory=Histogram)
    means: ChannelMeans = field(default_factory=ChannelMeans)
    channels: ChannelRanges = field(default_factory=ChannelRanges)
    derived: bool = False

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

    def divided(self, factors: Floats) -> Self:
        """Return what would have been seen of ``x / factors``, one factor above zero a channel."""
        channels = self.channels.divided(factors) if self.channels.low.size else ChannelRanges()
        limits = Range(self.range.low, self.range.high)
        if channels.low.size:
            limits = Range(float(channels.low.min()), float(channels.high.max()))
        means = self.means.divided(factors)
        return type(self)(limits, Histogram(), means, channels, derived=True)

    def update(
        self,
        array: Floats,
        channel_axis: int | None,
        ranges_axis: int | None = None,
        *,
        histogram: bool,
    ) -> None:
        """Summarize a whole array ``[N, ...]``, leaving out sentinels.

        Args:
            array: what was seen.
            channel_axis: the axis of the channels whose means are taken, or None.
            ranges_axis: the axis of the channels whose ranges are taken, or None.
            histogram: whether to count the numbers.

        Raises:
            NotFinite: the array holds NaN or +Inf.
        """
        if not array.size:
            return
        data = _without_sentinels(array)
        self.range.update(data)
        if histogram:
            self.histogram.update(data)
        if channel_axis is not None:
            rows = _rows(array, channel_axis)
            self.means.update(rows.mean(axis=1, dtype=np.float64), rows.shape[1])
        if ranges_axis is not None:
            self.channels.update(_rows(array, ranges_axis))

    def update_maps(self, array: Floats, *, ranges: bool) -> None:
        """Add range and means of whole maps ``[N, C, D1, ...]``, leaving out sentinels.

        Each sample has weight 1 in the means, as pooled maps have. ``ranges`` asks for the ranges
        of the channels, too.

        Raises:
            NotFinite: the array holds NaN or +Inf.
        """
        if not array.size:
            return
        self.range.update(_without_sentinels(array))
        rows = _rows(array, 1)
        self.means.update(rows.mean(axis=1, dtype=np.float64))
        if ranges:
            self.channels.widen(rows.min(axis=(0, 1)), rows.max(axis=(0, 1)))

    def update_sample(self, sample: Floats, *, histogram: bool, squares: bool) -> None:
        """Add a sample of maps ``[N, C, D1, ...]``, leaving out sentinels.

        ``histogram`` asks to count its numbers, ``squares`` for the mean squares of the channels.
        """
        if not sample.size:
            return
        if histogram:
            self.histogram.update(_without_sentinels(sample))
        if squares:
            self.channels.update_squares(_with_zeros(sample))


def _without_sentinels(array: Floats) -> Floats:
    if array.min() > -SENTINEL and array.max() < SENTINEL:
        return array
    if np.isnan(array).any():
        raise NotFinite("NaN")
    if array.max() == np.inf:
        raise NotFinite("Inf")
    kept: Floats = array[np.abs(array) < SENTINEL]
    return kept


def _rows(array: Floats, axis: int) -> Floats:
    """Return the vectors along an axis of ``[N, ...]`` as ``[N, P, C]``, sentinels as zeros."""
    array = np.atleast_2d(array)
    rows = np.moveaxis(array, axis, -1).reshape(len(array), -1, array.shape[axis])
    return _with_zeros(rows)


def _with_zeros(array: Floats) -> Floats:
    """Return the array with zeros in the place of sentinels."""
    return np.where(np.abs(array) < SENTINEL, array, np.float32(0))
