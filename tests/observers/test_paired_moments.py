"""Moments of pairs against what NumPy makes of all pairs at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.observers.paired_moments import PairedMoments


@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 3),
    size=st.integers(1, 5),
    parts=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    centred=st.booleans(),
)
def test_drift_of_parts(seed: int, groups: int, size: int, parts: list[int], centred: bool) -> None:
    random = np.random.default_rng(seed)
    moments, exact, quantized = PairedMoments(), [], []
    for count in parts:
        x = random.normal(size=(groups, count, size)).astype(np.float32)
        y = (x + random.normal(size=x.shape)).astype(np.float32)
        own = PairedMoments()
        own.update(x, y)
        moments.merge(own)
        exact.append(x)
        quantized.append(y)
    x, y = np.concatenate(exact, axis=1), np.concatenate(quantized, axis=1)
    if not x.shape[1]:
        assert moments.own.count == 0
        return
    if centred:
        y = y - y.mean(axis=1, keepdims=True)
        x = x - x.mean(axis=1, keepdims=True)
    expected = np.einsum("gpi,gpj->gij", x - y, y) / x.shape[1]
    assert moments.drift(centred=centred) == pytest.approx(expected, rel=1e-4, abs=1e-4)
