"""Channels that are far larger than the others."""

from __future__ import annotations

import numpy as np

from qconv.observers.channel_ranges import ChannelRanges
from qconv.observers.outliers import Outliers, find_outliers


def _channels(reach: list[float]) -> ChannelRanges:
    channels = ChannelRanges()
    channels.update(np.array([[reach, [-0.5] * len(reach)]], np.float32))
    return channels


def test_the_largest_come_first() -> None:
    found = find_outliers("x", _channels([1, 1, -9, 1, 20, 1, 1, 5, 4.5]))
    assert found == Outliers("x", 9, 4, ((4, 20.0), (2, 9.0), (7, 5.0)), 1.0)


def test_even_channels_have_none() -> None:
    assert find_outliers("x", _channels([1, 2, 3, 2])) is None
    assert find_outliers("x", ChannelRanges()) is None
