"""Which samples are similar, as the vectors of a model tell it (sentences, faces, images)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.data.source import Array, Feeds, Sample
from qconv.errors import DataError
from qconv.evaluation.tasks.score import Outputs, TaskScore, task_output
from qconv.numerics.rank_correlation import pair_cosines, spearman

MOST_VECTORS = 2_000
"""More are not compared: pairs grow with the square."""
_LEAST = 3
_MASK = "attention_mask"


class SimilarityScore(TaskScore):
    """Whether the same pairs of samples are similar as with the float model.

    Vectors are an output ``[batch, width]``; of an output ``[batch, tokens, width]`` the mean over
    the tokens that the input ``attention_mask`` has, or over all.

    Args:
        named: the output, if it is named.
    """

    def __init__(self, named: Sequence[str]) -> None:
        self._named = named
        self._pairs: list[tuple[Array, Array]] = []

    def update(self, sample: Sample, reference: Outputs, own: Outputs) -> None:
        """Add one sample."""
        name = task_output(reference, self._named, (2, 3), "similarity")
        rows = (vectors(outputs[name], sample.feeds) for outputs in (reference, own))
        if len(self._pairs) < MOST_VECTORS:
            self._pairs.extend(zip(*rows, strict=True))

    @property
    def result(self) -> Mapping[str, float]:
        """``similarity``: Spearman's rank correlation of all cosines, -1 to 1."""
        if len(self._pairs) < _LEAST:
            raise DataError(f"the task similarity needs {_LEAST} samples at least")
        mine, theirs = (np.stack(rows) for rows in zip(*self._pairs[:MOST_VECTORS], strict=True))
        return {"similarity": spearman(pair_cosines(mine), pair_cosines(theirs))}


def vectors(output: Array, feeds: Feeds) -> NDArray[np.float64]:
    """Return ``[batch, width]`` of an output ``[batch, width]`` or ``[batch, tokens, width]``.

    Raises:
        DataError: it has another rank.
    """
    numbers = output.astype(np.float64)
    if numbers.ndim == 2:
        return numbers
    if numbers.ndim != 3:
        raise DataError(f"vectors need an output of rank 2 or 3, not {list(output.shape)}")
    mask = feeds.get(_MASK)
    if mask is None or mask.shape != numbers.shape[:2]:
        return np.asarray(numbers.mean(axis=1), np.float64)
    weights = mask.astype(np.float64)[..., None]
    sums = (numbers * weights).sum(axis=1)
    return np.asarray(sums / np.maximum(weights.sum(axis=1), 1e-9), np.float64)
