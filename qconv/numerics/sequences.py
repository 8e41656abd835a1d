"""Texts that a recognizer reads, and how far two of them differ; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def best_path(scores: NDArray[np.generic], blank: int) -> tuple[int, ...]:
    """Return the letters of ``scores [steps, classes]``: repeats and blanks are left out.

    Best path decoding of connectionist temporal classification (Graves et al., ICML 2006, eq. 4).
    """
    best = np.argmax(scores, axis=-1)
    new = np.ones(len(best), np.bool_)
    new[1:] = best[1:] != best[:-1]
    return tuple(int(letter) for letter in best[new & (best != blank)])


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many letters to put in, take out or replace make one text the other one.

    Levenshtein's distance, a row of the table at a time (Wagner and Fischer, JACM 1974).
    """
    target = np.asarray(second, np.int64)
    places = np.arange(len(target) + 1)
    row = places
    for count, letter in enumerate(first, 1):
        replaced = row[:-1] + (target != letter)
        best = np.concatenate([[count], np.minimum(replaced, row[1:] + 1)])
        row = np.minimum.accumulate(best - places) + places
    return int(row[-1])
