"""Confidence intervals of percentiles hold the true one as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qconv.numerics.intervals import percentile_interval


@pytest.mark.parametrize("percent", [50, 90])
def test_coverage(percent: float) -> None:
    r = np.random.default_rng(0)
    true = -math.log(1 - percent / 100)  # of the exponential distribution
    inside = 0
    for _ in range(1000):
        found = percentile_interval(r.exponential(size=60), percent)
        assert found is not None
        inside += found[0] <= true <= found[1]
    assert 930 <= inside <= 990


def test_few_times_tell_nothing() -> None:
    assert percentile_interval(np.ones(9), 50) is None
    assert percentile_interval(np.ones(10), 50) == (1, 1)
