"""How boxes lie in the outputs of the detectors that people have.

Each layout is a function of the arrays that the task reads, without their batch axis, and of the
height and width of the image; it gives all boxes, from which the best ones are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from qconv.numerics.boxes import Detections
from qconv.recipe.tasks import BoxLayout

Array = NDArray[np.generic]
Floats = NDArray[np.float64]
Size = tuple[int, int]
Layout = Callable[[Sequence[Array], Size], Detections]

_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (8, 16))
_MOST = 1e6
_VARIANCES = (0.1, 0.2)


def yolox(arrays: Sequence[Array], size: Size) -> Detections:
    """``[N, 5 + C]``: x, y, logarithms of width and height in cells, objectness, classes.

    Ge et al., "YOLOX", arXiv:2107.08430; grids of strides 8, 16, 32, one after the other.

    Raises:
        ValueError: there are not as many rows as cells.
    """
    rows = _rows(arrays[0])
    strides = cells(size, len(rows))
    if strides is None:
        raise ValueError(f"{len(rows)} rows are not the cells of an image of {size[0]} x {size[1]}")
    grid, stride = _grid(size, strides)
    centre = (rows[:, :2] + grid) * stride
    extent = np.exp(np.minimum(rows[:, 2:4], 10)) * stride
    return _by_class(_corners(centre, extent), rows[:, 5:] * rows[:, 4:5])


def yolov5(arrays: Sequence[Array], _: Size) -> Detections:
    """``[N, 5 + C]``: centre x, y, width, height in pixels, objectness, classes."""
    rows = _rows(arrays[0])
    return _by_class(_corners(rows[:, :2], rows[:, 2:4]), rows[:, 5:] * rows[:, 4:5])


def yolov8(arrays: Sequence[Array], _: Size) -> Detections:
    """``[4 + C, N]``: centre x, y, width, height in pixels, classes; more boxes than rows."""
    array = _rows(arrays[0])
    rows = array.T if array.shape[0] < array.shape[1] else array
    return _by_class(_corners(rows[:, :2], rows[:, 2:4]), rows[:, 4:])


def yolov10(arrays: Sequence[Array], _: Size) -> Detections:
    """``[N, 6]``: two corners, score, class."""
    rows = _rows(arrays[0])
    return Detections(rows[:, :4], rows[:, 4], _whole(rows[:, 5]))


def ssd(arrays: Sequence[Array], _: Size, anchors: Floats | None = None) -> Detections:
    """``[N, 4]`` and ``[N, C]``: corners, or offsets to anchors; the first class is no object.

    Liu et al., "SSD", arXiv:1512.02325, eq. 2, with variances 0.1 and 0.2. Scores are turned into
    probabilities by Softmax where they are none.

    Raises:
        ValueError: there are not as many anchors as boxes.
    """
    boxes, scores = _boxes_first(arrays)
    if anchors is not None:
        if len(anchors) != len(boxes):
            raise ValueError(f"there are {len(anchors)} anchors for {len(boxes)} boxes")
        centre = anchors[:, :2] + boxes[:, :2] * _VARIANCES[0] * anchors[:, 2:]
        extent = anchors[:, 2:] * np.exp(np.minimum(boxes[:, 2:] * _VARIANCES[1], 10))
        boxes = _corners(centre, extent)
    return _by_class(boxes, _probabilities(scores)[:, 1:])


def detr(arrays: Sequence[Array], _: Size) -> Detections:
    """``[N, 4]`` and ``[N, C + 1]``: centre x, y, width, height; the last class is no object.

    Carion et al., "DETR", arXiv:2005.12872.
    """
    boxes, scores = _boxes_first(arrays)
    return _by_class(_corners(boxes[:, :2], boxes[:, 2:]), _probabilities(scores)[:, :-1])


def detections(arrays: Sequence[Array], _: Size) -> Detections:
    """``[N, 4]``, ``[N]`` and, if there are, ``[N]``: corners, scores, classes.

    Of two flat arrays the one of whole numbers holds the classes; else the scores come first.
    """
    boxes, *flat = sorted(arrays, key=lambda array: -array.ndim)
    flat = sorted(flat[:2], key=_are_whole)
    rows, scores = _rows(boxes), _rows(flat[0])
    classes = _rows(flat[1]) if len(flat) > 1 else np.zeros(len(rows))
    return Detections(rows, scores, _whole(classes))


LAYOUTS: Mapping[BoxLayout, Layout] = {
    "yolox": yolox,
    "yolov5": yolov5,
    "yolov8": yolov8,
    "yolov10": yolov10,
    "ssd": ssd,
    "detr": detr,
    "detections": detections,
}


def told_layout(arrays: Sequence[Array], size: Size) -> BoxLayout | None:
    """Return the layout that shapes and numbers tell; None where they leave it open.

    Args:
        arrays: what one image gives, without the batch axis.
        size: height and width of the image.
    """
    if len(arrays) == 1 and arrays[0].ndim == 2:
        rows, width = arrays[0].shape
        if cells(size, width) is not None and rows > 4:
            return "yolov8"
        if rows % 3 == 0 and cells(size, rows // 3) is not None and width > 5:
            return "yolov5"
        if cells(size, rows) is not None and width > 5:
            return "yolox" if (_rows(arrays[0])[:, 2:4] < 0).any() else "yolov5"
        if width == 6 and rows <= 1000:
            return "yolov10"
        return None
    ranks = sorted((array.ndim for array in arrays), reverse=True)
    boxes = max(arrays, key=lambda array: array.ndim, default=None)
    if boxes is not None and boxes.shape[-1:] == (4,) and ranks in ([2, 1], [2, 1, 1]):
        return "detections"
    return None


def cells(size: Size, count: int) -> tuple[int, ...] | None:
    """Return the strides whose grids over an image have so many cells together."""
    height, width = size
    for strides in _STRIDES:
        if sum((height // stride) * (width // stride) for stride in strides) == count > 0:
            return strides
    return None


def _grid(size: Size, strides: Sequence[int]) -> tuple[Floats, Floats]:
    """Return the place of each cell ``[N, 2]`` as x, y, and its stride ``[N, 1]``."""
    places, lengths = [], []
    for stride in strides:
        found = list(product(range(size[0] // stride), range(size[1] // stride)))
        places.append(np.asarray(found, np.float64).reshape(-1, 2)[:, ::-1])
        lengths.append(np.full((len(found), 1), stride, np.float64))
    return np.concatenate(places), np.concatenate(lengths)


def _rows(array: Array) -> Floats:
    """Return numbers that no arithmetic takes beyond what floats and integers hold; NaN is 0."""
    limited: Floats = np.nan_to_num(array.astype(np.float64).clip(-_MOST, _MOST), nan=0)
    return limited


def _corners(centre: Floats, extent: Floats) -> Floats:
    return np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)


def _by_class(boxes: Floats, scores: Floats) -> Detections:
    """Take the best class of each box; one without classes has none."""
    if not scores.shape[1]:
        return Detections(boxes, np.zeros(len(boxes)), np.zeros(len(boxes), np.int64))
    best = scores.argmax(axis=1)
    return Detections(boxes, scores[np.arange(len(scores)), best], best.astype(np.int64))


def _boxes_first(arrays: Sequence[Array]) -> tuple[Floats, Floats]:
    """Return boxes and scores of two arrays: boxes have four columns, the first if both do."""
    first, second = (_rows(array) for array in arrays[:2])
    told = second.shape[1] == 4 and first.shape[1] != 4
    return (second, first) if told else (first, second)


def _probabilities(scores: Floats) -> Floats:
    sums = scores.sum(axis=1)
    if (scores >= 0).all() and np.allclose(sums, 1, atol=1e-2):
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _are_whole(array: Array) -> bool:
    numbers = _rows(array)
    return array.dtype.kind in "iu" or bool((numbers == np.rint(numbers)).all())


def _whole(numbers: Floats) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = np.rint(numbers).astype(np.int64)
    return whole
