"""The second moment of what all readers of one weight multiply it with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.algorithms.rows import shrunk
from qconv.observers.gram import Gram
from qconv.observers.statistic import joined


def input_moment(
    grams: Sequence[Gram | None], shape: tuple[int, int], *, centred: bool
) -> NDArray[np.float64] | None:
    """Return the second moment ``[G, K, K]`` for a weight of so many rows and columns ``[O, K]``.

    That about the mean is right where biases take out what the mean makes of the weight's error.
    None if that of one reader is not known, overflowed, or is of something else than ``[O, K]``.
    """
    known = [gram for gram in grams if gram is not None and gram.count]
    rows, columns = shape
    if not known or len(known) < len(grams):
        return None
    gram = joined(known)
    groups, size = gram.means().shape
    if size != columns or rows % groups:
        return None
    moment = gram.centred() if centred else gram.second_moment()
    return moment if np.isfinite(moment).all() else None


def layer_moment(
    grams: Sequence[Gram | None], shape: tuple[int, int], *, centred: bool
) -> NDArray[np.float64] | None:
    """Return the :func:`input_moment` without what its vectors are too few to tell."""
    moment = input_moment(grams, shape, centred=centred)
    return None if moment is None else shrunk(moment, sum(gram.count for gram in grams if gram))
