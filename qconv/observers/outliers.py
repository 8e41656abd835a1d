"""Channels that are far larger than the others, which stretch the range of a whole value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qconv.observers.channel_ranges import ChannelRanges

_BEYOND = 4.0
_SHOWN = 3


@dataclass(frozen=True)
class Outliers:
    """The outlier channels of one value.

    Attributes:
        value: its name.
        channels: how many channels it has.
        count: how many reach beyond four times the median.
        largest: the largest ones, each with its largest magnitude.
        median: the median of all channels' largest magnitudes.
    """

    value: str
    channels: int
    count: int
    largest: tuple[tuple[int, float], ...]
    median: float


def find_outliers(value: str, channels: ChannelRanges) -> Outliers | None:
    """Return the outlier channels of a value, or None where it has none."""
    reach = np.maximum(-channels.low, channels.high).astype(np.float64)
    median = float(np.median(reach)) if reach.size else 0.0
    count = int((reach > _BEYOND * median).sum()) if median > 0 else 0
    if not count:
        return None
    order = np.argsort(-reach, kind="stable")[: min(count, _SHOWN)]
    largest = tuple((int(channel), float(reach[channel])) for channel in order)
    return Outliers(value, len(reach), count, largest, median)
