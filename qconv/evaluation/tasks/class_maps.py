"""Maps that say of each point what it shows (segmentation), beside the float model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.data.source import Array, Sample
from qconv.errors import DataError
from qconv.evaluation.tasks.score import Outputs, TaskScore, task_output

_MOST_CLASSES = 1 << 16


class MapScore(TaskScore):
    """How many points have the float model's class, and how its areas overlap with these.

    An output holds classes ``[batch, height, width]`` as integers, or scores of them in the axis
    behind the first or in the last one. A single score counts as a class from 0.5 on where all are
    between 0 and 1, else from 0 on.

    Args:
        named: the output, if it is named.
    """

    def __init__(self, named: Sequence[str]) -> None:
        self._named = named
        self._threshold: float | None = None
        self._points = self._same = 0
        self._sizes = np.zeros((3, 0), np.int64)  # of both, of the float model's, of the other's

    def update(self, _: Sample, reference: Outputs, own: Outputs) -> None:
        """Add one sample."""
        name = task_output(reference, self._named, (4, 3), "map")
        if self._threshold is None:
            scores = reference[name].astype(np.float64)
            self._threshold = 0.5 if ((scores >= 0) & (scores <= 1)).all() else 0.0
        mine, theirs = (classes(each[name], self._threshold) for each in (reference, own))
        same = mine[mine == theirs]
        self._points += mine.size
        self._same += same.size
        count = int(max(mine.max(initial=0), theirs.max(initial=0))) + 1
        if count > _MOST_CLASSES:
            raise DataError(f"the output '{name}' has more than {_MOST_CLASSES:,} classes")
        if count > self._sizes.shape[1]:
            self._sizes = np.pad(self._sizes, ((0, 0), (0, count - self._sizes.shape[1])))
        for row, points in zip(self._sizes, (same, mine, theirs), strict=True):
            row += np.bincount(points.reshape(-1), minlength=len(row))

    @property
    def result(self) -> Mapping[str, float]:
        """``map_agreement`` and ``map_iou``, in percent; classes that no map has do not count."""
        if not self._points:
            raise DataError("the maps have no points")
        both, mine, theirs = self._sizes
        union = mine + theirs - both
        ratio = both[union > 0] / union[union > 0]
        return {
            "map_agreement": 100 * self._same / self._points,
            "map_iou": 100 * float(ratio.mean()),
        }


def classes(output: Array, threshold: float) -> NDArray[np.int64]:
    """Return the class of each point of a map.

    Args:
        output: integers, or scores ``[batch, classes, ...]`` or ``[batch, ..., classes]``.
        threshold: from which on a single score counts as class 1.

    Raises:
        DataError: a class is negative.
    """
    if output.dtype.kind in "iub":
        whole = output.astype(np.int64)
        if whole.size and whole.min() < 0:
            raise DataError("a map has negative classes")
        return whole
    scores = output.astype(np.float64)
    if scores.ndim == 4:
        axis = 1 if scores.shape[1] < scores.shape[-1] else -1
        if scores.shape[axis] > 1:
            return np.asarray(np.argmax(scores, axis=axis), np.int64)
        scores = np.take(scores, 0, axis)
    return np.asarray(scores >= threshold, np.int64)
