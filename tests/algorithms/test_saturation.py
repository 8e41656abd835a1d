"""No pair of weights that the runtime's kernel adds in 16 bits can overflow them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from qconv.algorithms.saturation import PAIR_LIMIT, fit_pairs, kernel_rows, pair_sums
from qconv.numerics.affine import row_scales

Floats = NDArray[np.float32]
weights = hnp.arrays(
    np.float32,
    st.tuples(*[st.integers(1, 5)] * 2, *[st.integers(1, 3)] * 2),
    elements=st.floats(-3, 3, width=32),
)


def _worst_sum(rows: NDArray[np.integer]) -> int:
    """Emulate ``vpmaddubsw``: unsigned 8-bit data times signed weights, adjacent products added."""
    padded = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).astype(np.int64)
    positive = 255 * np.maximum(padded, 0)
    negative = 255 * np.minimum(padded, 0)
    highest = (positive[:, 0::2] + positive[:, 1::2]).max()
    lowest = (negative[:, 0::2] + negative[:, 1::2]).min()
    return int(max(highest, -lowest - 1))


@settings(max_examples=200)
@given(weights)
def test_rounded_weights_never_saturate(weight: Floats) -> None:
    kernel = kernel_rows(weight, 0)
    scale = fit_pairs(kernel, row_scales(kernel, 127))
    rows = np.rint(kernel / scale[:, None]).astype(np.int64)
    assert np.abs(rows).max() <= 127
    assert _worst_sum(rows) <= np.iinfo(np.int16).max


def test_weights_at_full_scale_would_saturate() -> None:
    rows = np.array([[127, 127]])
    assert _worst_sum(rows) > np.iinfo(np.int16).max
    assert pair_sums(rows.astype(np.float32))[0] > PAIR_LIMIT


def test_channels_that_are_safe_keep_their_scale() -> None:
    weight = np.array([[1.0, -1.0, 0.01, 0.0], [1.0, 1.0, 0.0, 0.0]], np.float32)
    before = row_scales(weight, 127)
    after = fit_pairs(weight, before)
    assert after[0] == before[0]
    assert after[1] == pytest.approx(2.0 / PAIR_LIMIT, rel=0.01)


def test_pairs_follow_the_kernels_order() -> None:
    weight = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)
    rows = kernel_rows(weight, 0)
    assert rows.shape == (2, 12)
    np.testing.assert_array_equal(rows[0, :3], weight[0, :, 0, 0])
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(kernel_rows(matrix, 1), matrix.T)
