"""Sums of means do not overflow, however many positions a mean is of."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.observers.means import ChannelMeans

counts = st.integers(1, 1 << 42)
numbers = st.integers(-(1 << 50), 1 << 50).map(lambda bits: bits / (1 << 40))
updates = st.lists(st.tuples(numbers, counts), min_size=1, max_size=5)


def _sum(statistic: ChannelMeans) -> Fraction:
    whole, fraction = statistic.to_arrays()["sums"][:, 0].tolist()
    assert 0 <= fraction < 1 << 40
    return Fraction(whole) + Fraction(fraction, 1 << 40)


@given(updates)
def test_sums_are_exact_and_have_no_order(parts: list[tuple[float, int]]) -> None:
    forward, backward = ChannelMeans(), ChannelMeans()
    for number, positions in parts:
        forward.update(np.array([[number]]), positions)
    for number, positions in reversed(parts):
        part = ChannelMeans()
        part.update(np.array([[number]]), positions)
        backward.merge(part)
    exact = sum(Fraction(number) * positions for number, positions in parts)
    assert _sum(forward) == _sum(backward) == exact
    assert forward.weight == sum(positions for _, positions in parts)


@pytest.mark.parametrize("positions", [1, 1 << 22, 1 << 24, 1 << 40])
def test_means_of_many_positions(positions: int) -> None:
    means = ChannelMeans()
    means.update(np.array([[0.9, -0.3], [0.7, 2.5]]), positions)
    np.testing.assert_allclose(means.means(), [0.8, 1.1], rtol=1e-11)
    halves = means.divided(np.array([2, 0.5]))
    np.testing.assert_allclose(halves.means(), [0.4, 2.2], rtol=1e-11)
