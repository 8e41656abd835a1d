"""Laws of the statistics: merging is exact, commutative and associative."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from qconv.observers.channel_ranges import ChannelRanges
from qconv.observers.histogram import Histogram, bin_centers
from qconv.observers.maps import MapStatistics
from qconv.observers.statistic import Arrays
from qconv.observers.value import NotFinite, ValueStatistics

Floats = NDArray[np.float32]
numbers = st.floats(-1e6, 1e6, width=32)
rows = hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(3)), elements=numbers)
parts = st.lists(rows, min_size=1, max_size=5)


def _summary(arrays: Sequence[Floats]) -> ValueStatistics:
    statistics = ValueStatistics()
    for array in arrays:
        statistics.update(array, -1, histogram=True)
    return statistics


def _state(statistics: ValueStatistics) -> list[Arrays]:
    return [part.to_arrays() for part in statistics.parts().values()]


def _same(left: ValueStatistics, right: ValueStatistics) -> bool:
    pairs = zip(_state(left), _state(right), strict=True)
    return all(a[name].tobytes() == b[name].tobytes() for a, b in pairs for name in a)


@settings(max_examples=30)
@given(parts)
def test_merging_parts_gives_the_whole_to_the_bit(arrays: list[Floats]) -> None:
    merged = ValueStatistics()
    for array in arrays:
        merged.merge(_summary([array]))
    assert _same(merged, _summary(arrays))


@settings(max_examples=30)
@given(parts, parts)
def test_merging_is_commutative(left: list[Floats], right: list[Floats]) -> None:
    one, other = _summary(left), _summary(right)
    one.merge(_summary(right))
    other.merge(_summary(left))
    assert _same(one, other)


@settings(max_examples=30)
@given(parts, parts, parts)
def test_merging_is_associative(a: list[Floats], b: list[Floats], c: list[Floats]) -> None:
    left, tail = _summary(a), _summary(b)
    left.merge(_summary(b))
    left.merge(_summary(c))
    tail.merge(_summary(c))
    right = _summary(a)
    right.merge(tail)
    assert _same(left, right)


@settings(max_examples=30)
@given(parts)
def test_an_empty_statistic_is_the_identity(arrays: list[Floats]) -> None:
    merged = _summary(arrays)
    merged.merge(ValueStatistics())
    empty = ValueStatistics()
    empty.merge(_summary(arrays))
    assert _same(merged, _summary(arrays))
    assert _same(empty, _summary(arrays))


@settings(max_examples=30)
@given(parts, st.randoms())
def test_neither_order_nor_batches_matter(
    arrays: list[Floats], random: Callable[..., float]
) -> None:
    samples = list(np.concatenate(arrays)[:, None])
    shuffled = samples.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _same(_summary(shuffled), _summary([np.concatenate(samples)]))


@settings(max_examples=30)
@given(parts)
def test_the_state_survives_its_arrays(arrays: list[Floats]) -> None:
    statistics = _summary(arrays)
    arrays_of = {kind: part.to_arrays() for kind, part in statistics.parts().items()}
    copy = ValueStatistics.from_arrays(arrays_of)
    assert _same(copy, statistics)


@settings(max_examples=30)
@given(rows)
def test_range_and_means_are_those_of_the_data(array: Floats) -> None:
    statistics = _summary([array])
    assert statistics.range.low == array.min()
    assert statistics.range.high == array.max()
    means = array.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(statistics.means.means(), means, rtol=1e-12, atol=1e-11)


@settings(max_examples=30)
@given(
    hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(-(2.0**99), 2.0**99, width=32))
)
def test_bins_are_finer_than_a_percent(array: Floats) -> None:
    histogram = Histogram()
    histogram.update(array)
    bins, counts = histogram.items()
    assert counts.sum() == array.size
    centers = np.sort(np.repeat(bin_centers(bins), counts))
    exact = np.sort(array.astype(np.float64))
    near = np.abs(centers - exact) <= 0.004 * np.abs(exact) + np.finfo(np.float32).tiny
    assert near.all()


def test_many_small_arrays_and_one_large_one_count_the_same() -> None:
    data = np.random.default_rng(0).normal(size=400_000).astype(np.float32)
    small, large = Histogram(), Histogram()
    for chunk in np.array_split(data, 700):
        small.update(chunk)
    large.update(data)
    for left, right in zip(small.items(), large.items(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("sentinel", [-3.4e38, -np.inf])
def test_sentinels_are_not_data(sentinel: float) -> None:
    array = np.array([[1.0, sentinel], [-2.0, 5.0]], np.float32)
    statistics = _summary([array])
    assert (statistics.range.low, statistics.range.high) == (-2.0, 5.0)
    assert statistics.histogram.items()[1].sum() == 3
    np.testing.assert_allclose(statistics.means.means(), [-0.5, 2.5])


@pytest.mark.parametrize(("number", "name"), [(np.nan, "NaN"), (np.inf, "Inf")])
def test_nan_and_inf_are_refused(number: float, name: str) -> None:
    with pytest.raises(NotFinite, match=name):
        _summary([np.array([[1.0, number]], np.float32)])


def test_maps_together_are_maps_alone() -> None:
    random = np.random.default_rng(1)
    batches = [
        [random.normal(size=(2, channels, 5, 5)).astype(np.float32) for channels in (3, 7)]
        for _ in range(4)
    ]
    together = MapStatistics(2)
    alone = [ValueStatistics(), ValueStatistics()]
    for maps in batches:
        lows = [m.min(axis=(2, 3), keepdims=True) for m in maps]
        highs = [m.max(axis=(2, 3), keepdims=True) for m in maps]
        means = [m.mean(axis=(2, 3), keepdims=True) for m in maps]
        assert together.update(lows, highs, means)
        for statistics, one in zip(alone, maps, strict=True):
            statistics.update(one, 1, 1, histogram=False)
    for index, statistics in enumerate(alone):
        low, high, channel_means = together.of(index)
        assert (low.min(), high.max()) == (statistics.range.low, statistics.range.high)
        np.testing.assert_array_equal(np.minimum(low, 0), statistics.channels.low)
        np.testing.assert_array_equal(np.maximum(high, 0), statistics.channels.high)
        np.testing.assert_allclose(
            channel_means.means(), statistics.means.means(), rtol=1e-5, atol=1e-6
        )


def test_squares_of_maps_do_not_depend_on_batches() -> None:
    maps = np.random.default_rng(1).normal(size=(5, 3, 7, 9)).astype(np.float32)
    together, alone = ChannelRanges(), ChannelRanges()
    together.update_squares(maps)
    for one in maps[::-1]:
        alone.update_squares(one[None])
    for name, array in together.to_arrays().items():
        np.testing.assert_array_equal(array, alone.to_arrays()[name])
    np.testing.assert_allclose(
        together.mean_squares(), np.square(maps).mean(axis=(0, 2, 3)), rtol=1e-6
    )


def test_squares_of_small_and_large_maps_count_the_same() -> None:
    channels = ChannelRanges()
    channels.update_squares(np.full((1, 2, 3, 3), 1, np.float32))
    channels.update_squares(np.full((1, 2, 8, 8), 3, np.float32))
    np.testing.assert_array_equal(channels.mean_squares(), [5, 5])


def test_squares_that_overflow_are_as_large_as_means_can_be() -> None:
    whole, sampled = ChannelRanges(), ChannelRanges()
    whole.update(np.full((1, 5, 2), 1e25, np.float32))
    sampled.update_squares(np.full((1, 2, 5), 1e25, np.float32))
    for channels in (whole, sampled):
        np.testing.assert_array_equal(channels.mean_squares(), [2**40, 2**40])


@pytest.mark.parametrize("odd", [np.nan, np.inf, -3.4e38])
def test_odd_maps_are_told_and_not_added(odd: float) -> None:
    together = MapStatistics(1)
    fine = [np.ones((1, 2, 1, 1), np.float32)]
    strange = [np.full((1, 2, 1, 1), odd, np.float32)]
    assert together.update(fine, fine, fine)
    assert not together.update(strange, fine, fine)
    assert not together.update(fine, fine, strange)
    low, high, means = together.of(0)
    assert (low.tolist(), high.tolist(), means.weight) == ([1.0, 1.0], [1.0, 1.0], 1)
