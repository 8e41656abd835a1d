"""Signal to noise feature by feature."""

from __future__ import annotations

import numpy as np
import pytest

from qconv.numerics.feature_sqnr import FeatureSqnr, feature_axis, prominence


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((1, 3549, 6), 2),
        ((None, 84, 8400), 1),
        ((1, 21, 512, 512), 1),
        ((None, 1000), None),
        ((None, None, 384), None),
        ((None, None, 6), 2),
        ((1, 1, 1), None),
        ((), None),
        (None, None),
    ],
)
def test_the_axis_of_features(shape: tuple[int | None, ...] | None, axis: int | None) -> None:
    assert feature_axis(shape) == axis


def test_ratios_are_those_of_each_feature() -> None:
    random = np.random.default_rng(0)
    exact = random.normal(size=(1, 5000, 2)).astype(np.float32) * np.array([1000, 1], np.float32)
    found = exact + random.normal(size=exact.shape).astype(np.float32) * np.array([100, 0.001])
    errors = FeatureSqnr(2)
    for half in (slice(0, 2500), slice(2500, 5000)):
        errors.update(exact[:, half], found[:, half])
    assert errors.mean == pytest.approx((20 + 60) / 2, abs=0.5)
    whole = FeatureSqnr(None)
    whole.update(exact, found)
    assert whole.mean == pytest.approx(20, abs=0.5)


def test_what_stands_out_weighs_most() -> None:
    random = np.random.default_rng(0)
    exact = np.zeros((1, 4000, 2), np.float32)
    exact[0, :, 0] = random.normal(size=4000)
    exact[0, :, 1] = 1e-5 * random.random(4000)
    exact[0, :10] = [5, 0.9]
    noise = np.zeros_like(exact)
    noise[0, 10:, 0] = 3
    (weights,) = prominence([exact], 2)
    assert weights.shape == (4000,)
    assert weights[:10].sum() > 100 * weights[10:].sum()
    errors = FeatureSqnr(2)
    errors.update(exact, exact + noise, weights)
    plain = FeatureSqnr(2)
    plain.update(exact, exact + noise)
    assert plain.mean < errors.mean - 10
    assert errors.mean > 30


def test_identical_and_broken_outputs() -> None:
    same, broken = FeatureSqnr(None), FeatureSqnr(None)
    array = np.array([1.0, -np.inf, np.nan])
    same.update(array, array)
    assert same.mean == 60
    broken.update(array, np.array([1.0, -np.inf, 0.0]))
    assert broken.mean == -60
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\) differ"):
        broken.update(array, array[:2])
