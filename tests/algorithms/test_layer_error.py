"""The error of a layer's output by its rounded weights."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qconv.algorithms.rows.layer_error import less_error, row_errors


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), groups=st.sampled_from([1, 2, 4]))
def test_rows_of_less_error_are_those_whose_errors_are_less(seed: int, groups: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.standard_normal((2, 8, 40)).astype(np.float32)
    other[::3] = one[::3]
    inputs = random.standard_normal((groups, 160, 40)) * 10.0 ** random.uniform(-1, 1, 40)
    gram = inputs.swapaxes(1, 2) @ inputs
    less = less_error(one, other, gram)
    assert np.array_equal(less, row_errors(one, gram) < row_errors(other, gram))
    assert not less[::3].any()
