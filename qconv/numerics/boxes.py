"""Boxes of a detector: how they overlap, which ones hide others, which are the same; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Detections:
    """Boxes of one image.

    Attributes:
        boxes: ``[n, 4]``, two opposite corners: x, y, x, y.
        scores: ``[n]``.
        classes: ``[n]``.
    """

    boxes: Floats
    scores: Floats
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_] | Sequence[int]) -> Detections:
        """Return some of them, in the order of the index."""
        return Detections(self.boxes[index], self.scores[index], self.classes[index])

    def best(self, score: float, overlap: float) -> Detections:
        """Return those from ``score`` on that no better one of their class hides, the best first.

        A box hides those that it overlaps by more than ``overlap``, measured as intersection over
        union: greedy non-maximum suppression. NaN is no score.
        """
        found = self.take(self.scores >= score)
        found = found.take(np.argsort(-found.scores, kind="stable"))
        kept: list[int] = []
        open_ = np.ones(len(found), np.bool_)
        for index in range(len(found)):
            if not open_[index]:
                continue
            kept.append(index)
            same = found.classes == found.classes[index]
            hidden = intersection_over_union(found.boxes[index : index + 1], found.boxes)[0]
            open_ &= ~(same & (hidden > overlap))
        return found.take(kept)


def intersection_over_union(first: Floats, second: Floats) -> Floats:
    """Return ``[n, m]`` for boxes ``[n, 4]`` and ``[m, 4]``; 0 where both have no area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    ratio: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def matched(reference: Detections, found: Detections, threshold: float) -> int:
    """Return how many boxes have a partner of their class.

    As COCO does it: each found box, the best score first, takes the free box of the reference that
    it overlaps most, from ``threshold`` on (Lin et al., "Microsoft COCO", arXiv:1405.0312).
    """
    overlaps = intersection_over_union(found.boxes, reference.boxes)
    overlaps[found.classes[:, None] != reference.classes[None, :]] = -1
    pairs = 0
    for index in np.argsort(-found.scores, kind="stable"):
        row = overlaps[index]
        if len(row) and row.max() >= threshold:
            pairs += 1
            overlaps[:, int(row.argmax())] = -1
    return pairs


def _area(boxes: Floats) -> Floats:
    area: Floats = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=-1)
    return area
