"""Texts: best path decoding by hand, and edit distances beside rapidfuzz."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from qconv.numerics.sequences import best_path, edit_distance

TEXTS = st.lists(st.integers(0, 4), max_size=12)


@given(TEXTS, TEXTS)
def test_edits(first: list[int], second: list[int]) -> None:
    assert edit_distance(first, second) == Levenshtein.distance(first, second)


@pytest.mark.parametrize(
    ("steps", "blank", "letters"),
    [
        ([0, 3, 3, 0, 3, 2, 2, 1], 0, (3, 3, 2, 1)),
        ([3, 3, 4, 4, 3], 4, (3, 3)),
        ([0, 0], 0, ()),
        ([], 0, ()),
    ],
)
def test_repeats_and_blanks_are_left_out(
    steps: list[int], blank: int, letters: tuple[int, ...]
) -> None:
    assert best_path(np.eye(5, dtype=np.float32)[np.array(steps, np.int64)], blank) == letters
