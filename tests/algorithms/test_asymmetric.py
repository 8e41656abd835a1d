"""Weights that make up for a changed input, against least squares on the vectors themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.algorithms.asymmetric import compensated
from qconv.observers.paired_moments import PairedMoments


def _pairs(seed: int, noise: float) -> tuple[PairedMoments, list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    exact = random.normal(size=(2, 4000, 6)) @ (np.eye(6) + random.normal(0, 0.2, size=(2, 6, 6)))
    mixed = exact @ (np.eye(6) + noise * random.normal(size=(2, 6, 6)))
    pairs = [exact.astype(np.float32), mixed.astype(np.float32)]
    moments = PairedMoments()
    moments.update(*pairs)
    rows = random.normal(size=(8, 6)).astype(np.float32)
    return moments, pairs, rows


def _error(rows: np.ndarray, found: np.ndarray, pairs: list[np.ndarray]) -> float:
    def outputs(weight: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return np.asarray(np.matmul(vectors, weight.reshape(2, 4, 6).swapaxes(1, 2)))

    return float(np.square(outputs(rows, pairs[0]) - outputs(found, pairs[1])).sum())


@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0.01, 0.3))
def test_it_lowers_the_error_of_the_output(seed: int, noise: float) -> None:
    moments, pairs, rows = _pairs(seed, noise)
    moment, drift = moments.own.second_moment(), moments.drift(centred=False)
    found = compensated(rows, moment, drift, moments.own.count)
    assert _error(rows, found, pairs) <= _error(rows, rows, pairs) * (1 + 1e-6)


def test_it_goes_half_the_way_to_least_squares() -> None:
    moments, pairs, rows = _pairs(1, 0.1)
    moment, drift = moments.own.second_moment(), moments.drift(centred=False)
    found = compensated(rows, moment, drift, 10**9)
    best = [
        np.linalg.lstsq(y, x @ own.T, rcond=None)[0].T
        for x, y, own in zip(*pairs, rows.reshape(2, 4, 6), strict=True)
    ]
    halfway = rows + (np.concatenate(best) - rows) / 2
    assert found == pytest.approx(halfway, abs=0.1 * float(np.abs(halfway - rows).max()))


def test_without_drift_weights_stay() -> None:
    moments, _, rows = _pairs(2, 0.0)
    moment, drift = moments.own.second_moment(), moments.drift(centred=False)
    found = compensated(rows, moment, drift, moments.own.count)
    np.testing.assert_allclose(found, rows, atol=1e-5)


def test_dead_inputs_keep_their_weights() -> None:
    moments, _, rows = _pairs(3, 0.1)
    moment, drift = moments.own.second_moment(), moments.drift(centred=False)
    moment[:, 2] = moment[:, :, 2] = drift[:, 2] = drift[:, :, 2] = 0
    found = compensated(rows, moment, drift, moments.own.count)
    np.testing.assert_array_equal(found[:, 2], rows[:, 2])
    nothing = np.zeros_like(moment)
    np.testing.assert_array_equal(compensated(rows, nothing, nothing, 5), rows)


def test_few_vectors_move_little() -> None:
    moments, _, rows = _pairs(4, 0.1)
    moment, drift = moments.own.second_moment(), moments.drift(centred=False)
    far, near = (np.abs(compensated(rows, moment, drift, n) - rows).max() for n in (4000, 20))
    assert near < far / 10
