"""Boxes that a detector finds, beside those that the float model finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from qconv.data.source import Array, Feeds, Sample
from qconv.data.user_code import user_code
from qconv.data.user_function import load_callable
from qconv.errors import DataError
from qconv.evaluation.tasks.box_layouts import LAYOUTS, Layout, Size, ssd, told_layout
from qconv.evaluation.tasks.score import Answers, Outputs, TaskScore
from qconv.files import require_regular
from qconv.numerics.boxes import Detections, matched
from qconv.recipe.tasks import BoxLayout, TaskSettings

Decoder = Callable[[Outputs, Sample], Sequence[Detections]]
"""Gives all boxes of each image of a sample."""


class BoxScore(TaskScore):
    """The float model's boxes that a variant finds, and those that it finds besides.

    Args:
        settings: the layout, and what counts as a box and as the same one.
        decoder: gives the boxes of outputs.
    """

    def __init__(self, settings: TaskSettings, decoder: Decoder) -> None:
        self._settings = settings
        self._decoder = decoder
        self._both = self._mine = self._theirs = 0

    def update(self, sample: Sample, reference: Outputs, own: Outputs) -> Answers | None:
        """Add one sample."""
        changed = None
        score, overlap = self._settings.box_score, self._settings.box_overlap
        found = (self._decoder(outputs, sample) for outputs in (reference, own))
        for mine, theirs in zip(*found, strict=True):
            first, second = mine.best(score, overlap), theirs.best(score, overlap)
            both = matched(first, second, self._settings.box_iou)
            self._both += both
            self._mine += len(first)
            self._theirs += len(second)
            if changed is None and not both == len(first) == len(second):
                changed = Answers(
                    _counted(len(first)), f"{_counted(len(second))}, {both} of them the same"
                )
        return changed

    @property
    def result(self) -> Mapping[str, float]:
        """``boxes_f1`` in percent: ``2 both / (mine + theirs)``."""
        if not self._mine:
            raise DataError(
                f"the float model finds no box with a score of {self._settings.box_score:g}",
                hint="try a lower `box_score`, or another `box_layout`",
            )
        return {"boxes_f1": 200 * self._both / (self._mine + self._theirs)}


def box_decoder(settings: TaskSettings, sample: Sample, outputs: Outputs) -> Decoder:
    """Return what reads boxes, by the layout that was chosen, or that one sample tells.

    Raises:
        DataError: the shapes tell no layout; a script or the anchors cannot be used.
    """
    layout = settings.box_layout
    if layout is not None and layout not in LAYOUTS:
        return _own(layout)
    names = _names(settings, outputs)
    if layout is None:
        first = next(_images(outputs, names), ())
        layout = told_layout(first, image_size(sample.feeds))
    if layout is None:
        shown = ", ".join(f"'{name}' {list(outputs[name].shape)}" for name in names)
        raise DataError(
            "the shapes of the outputs do not show how boxes are stored in them: "
            f"{shown or 'none'}",
            hint=f"set `box_layout` to one of {', '.join(LAYOUTS)}, or script.py:function; and "
            "`task_output` to the outputs",
        )
    read = LAYOUTS[cast(BoxLayout, layout)]
    if settings.box_anchors is not None:
        read = partial(ssd, anchors=_anchors(settings.box_anchors))
    return partial(_decoded, read, names)


def image_size(feeds: Feeds) -> Size:
    """Return height and width of the first input of rank 4; zeros where there is none.

    Channels are the axis behind the first where it has one, three or four entries, else the last.
    """
    for array in feeds.values():
        if array.ndim == 4:
            axis = 2 if array.shape[1] in (1, 3, 4) else 1
            return array.shape[axis], array.shape[axis + 1]
    return 0, 0


def _names(settings: TaskSettings, outputs: Outputs) -> Sequence[str]:
    if missing := [name for name in settings.task_output if name not in outputs]:
        raise DataError(f"the model has no output '{missing[0]}'")
    return settings.task_output or [
        name
        for name, array in outputs.items()
        if 1 <= array.ndim <= 3 and array.dtype.kind in "fiu"
    ]


def _images(outputs: Outputs, names: Sequence[str]) -> Iterator[Sequence[Array]]:
    """Yield what each image gives; without an axis for the batch, all is of one image.

    Numbers that are none of the boxes, such as how many there are, are left out.
    """
    arrays = [outputs[name] for name in names]
    if max((array.ndim for array in arrays), default=0) < 3:
        yield [array for array in arrays if array.ndim]
        return
    batch = next(len(array) for array in arrays if array.ndim == 3)
    for index in range(batch):
        yield [array[index] for array in arrays if array.ndim > 1 and len(array) == batch]


def _decoded(
    read: Layout, names: Sequence[str], outputs: Outputs, sample: Sample
) -> Sequence[Detections]:
    size = image_size(sample.feeds)
    try:
        return [read(arrays, size) for arrays in _images(outputs, names)]
    except (ValueError, IndexError) as error:
        raise DataError(
            f"{sample.origin}: the outputs do not hold boxes in this layout: {error}",
            hint="set `box_layout` to the layout, and `task_output` to the outputs",
        ) from error


def _own(spec: str) -> Decoder:
    function = load_callable(spec, "outputs", "sample")

    def decoded(outputs: Outputs, sample: Sample) -> Sequence[Detections]:
        with user_code(spec):
            found = function(dict(outputs), sample)
            boxes, scores, classes = (np.asarray(part) for part in cast(Sequence[Array], found))
            told = Detections(
                boxes.astype(np.float64).reshape(-1, 4),
                scores.astype(np.float64).reshape(-1),
                classes.astype(np.int64).reshape(-1),
            )
        if not len(told.boxes) == len(told.scores) == len(told.classes):
            raise DataError(
                f"{spec}: gives {len(told.boxes)} boxes, {len(told.scores)} scores and "
                f"{len(told.classes)} classes for {sample.origin}"
            )
        return [told]

    return decoded


def _anchors(path: Path) -> NDArray[np.float64]:
    require_regular(path, "a file of anchors", DataError)
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: is not a .npy file: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"{path}: anchors are an array [N, 4]")
    anchors: NDArray[np.float64] = array.astype(np.float64)
    return anchors


def _counted(count: int) -> str:
    return f"{count} box{'' if count == 1 else 'es'}"
