"""Feature maps with sentinels count as those without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qconv.calibration.record import Record
from qconv.observers.value import ValueStatistics
from qconv.pipeline import calibrate
from tests.model_helpers import Feeds, data, parse, save

WEIGHTS = "float[4, 3, 3, 3] w, float[4] b, float[2, 4, 1, 1] u, float[4, 3, 1, 1] v"
TEXT = f"""
    (float[1, 3, H, W] x, float[1] k) => (float[1, 2, H, W] y, float[1, 4, H, W] z) <{WEIGHTS}>
    {{
        a = Conv<pads = [1, 1, 1, 1]>(x, w, b) r = Relu(a) y = Conv(r, u)
        m = Mul(x, k) t = Tanh(m) s = Add(m, t) z = Conv(s, v)
    }}
"""
"""Where k is huge, s holds sentinels alone; x, r and y are as they are."""


def _feeds(sizes: Sequence[int], odd: Sequence[int]) -> list[Feeds]:
    random = np.random.default_rng(0)
    return [
        {
            "x": random.normal(5.0 if index in odd else 1.0, 0.3, (1, 3, size, size)).astype("f"),
            "k": np.array([1e32 if index in odd else 1], np.float32),
        }
        for index, size in enumerate(sizes)
    ]


def _calibrated(folder: Path, feeds: Sequence[Feeds]) -> Record:
    return calibrate(save(parse(TEXT), folder), data=data(feeds), statistics="full")


def _same(left: ValueStatistics, right: ValueStatistics) -> None:
    assert (left.range.low, left.range.high) == (right.range.low, right.range.high)
    for name, array in left.histogram.to_arrays().items():
        np.testing.assert_array_equal(array, right.histogram.to_arrays()[name])
    assert left.means.weight == right.means.weight
    np.testing.assert_allclose(left.means.means(), right.means.means(), rtol=1e-6, atol=1e-6)
    for name, array in left.channels.to_arrays().items():
        np.testing.assert_array_equal(array, right.channels.to_arrays()[name])


@pytest.mark.parametrize("sizes", [(16,) * 8, (16, 40, 8, 16, 24, 16, 16, 8)])
def test_a_sentinel_elsewhere_changes_nothing(tmp_path: Path, sizes: Sequence[int]) -> None:
    feeds = _feeds(sizes, odd=(1,))
    without = [{"x": feed["x"], "k": np.ones(1, np.float32)} for feed in feeds]
    found = _calibrated(tmp_path, feeds).statistics
    expected = _calibrated(tmp_path, without).statistics
    for name in ("x", "r", "y"):
        _same(found[name], expected[name])
    means = np.mean([feed["x"].mean(axis=(0, 2, 3)) for feed in feeds], axis=0)
    np.testing.assert_allclose(found["x"].means.means(), means, rtol=1e-6)


def test_sentinels_are_left_out_of_their_own_map(tmp_path: Path) -> None:
    feeds = _feeds([16] * 8, odd=(2, 5))
    for feed in (feeds[2], feeds[5]):
        feed["x"][..., 8:] = 0
    seen = _calibrated(tmp_path, feeds).statistics["s"]
    assert seen.means.weight == 8
    assert -3 < seen.range.low < 0 <= 2 < seen.range.high < 4
    fine = [feed["x"] + np.tanh(feed["x"]) for feed in feeds if feed["k"] == 1]
    means = np.sum([array.mean(axis=(0, 2, 3)) for array in fine], axis=0) / 8
    np.testing.assert_allclose(seen.means.means(), means, rtol=1e-5)
    counts = seen.histogram.items()[1]
    assert counts.sum() == 6 * 3 * 64 + 2 * 3 * 32


def test_the_order_changes_no_bit(tmp_path: Path) -> None:
    feeds = _feeds((16, 40, 8, 16, 24, 16), odd=(1, 4))
    whole, turned = (_calibrated(tmp_path, each) for each in (feeds, feeds[::-1]))
    for name, value in whole.statistics.items():
        parts = turned.statistics[name].parts()
        for kind, part in value.parts().items():
            for key, array in part.to_arrays().items():
                assert array.tobytes() == parts[kind].to_arrays()[key].tobytes()
