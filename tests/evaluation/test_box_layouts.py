"""Boxes are read from the outputs of the detectors that people have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qconv.data.source import Sample
from qconv.errors import DataError, UsageError
from qconv.evaluation.tasks.box_layouts import cells, told_layout
from qconv.evaluation.tasks.boxes_found import BoxScore, box_decoder, image_size
from qconv.numerics.boxes import Detections
from qconv.recipe.tasks import TaskSettings

Array = NDArray[Any]
HEIGHT, WIDTH, CLASSES = 64, 96, 3
CELLS = 8 * 12 + 4 * 6 + 2 * 3
"""Of strides 8, 16 and 32."""
IMAGE = Sample({"x": np.zeros((1, 3, HEIGHT, WIDTH), np.float32)}, None, "data[0]")
TRUTH = Detections(
    np.array([[8, 16, 40, 56], [50, 4, 90, 30], [20, 20, 28, 60.0]]),
    np.array([0.9, 0.8, 0.6]),
    np.array([0, 2, 1]),
)
CENTRE = (TRUTH.boxes[:, :2] + TRUTH.boxes[:, 2:]) / 2
EXTENT = TRUTH.boxes[:, 2:] - TRUTH.boxes[:, :2]
PLACES = [3, 70, 100]
"""Rows at which the boxes lie."""


def one_hot(offset: int, width: int) -> Array:
    scores = np.zeros((3, width))
    scores[np.arange(3), TRUTH.classes + offset] = 1
    return scores


def rows(count: int, *columns: Array) -> list[Array]:
    """Return one output ``[1, count, width]`` that holds the columns at some rows."""
    wide = np.concatenate([column.reshape(3, -1) for column in columns], axis=1)
    array = np.zeros((1, count, wide.shape[1]), np.float32)
    array[0, PLACES] = wide
    return [array]


def yolox() -> list[Array]:
    grid, stride = [], []
    for step in (8, 16, 32):
        for y in range(HEIGHT // step):
            for x in range(WIDTH // step):
                grid.append((x, y))
                stride.append(step)
    place, scale = np.array(grid)[PLACES], np.array(stride)[PLACES][:, None]
    score = TRUTH.scores[:, None]
    return rows(
        CELLS, CENTRE / scale - place, np.log(EXTENT / scale), np.sqrt(score),
        one_hot(0, CLASSES) * np.sqrt(score),
    )  # fmt: skip


def yolov5(count: int = 3 * CELLS) -> list[Array]:
    return rows(count, CENTRE, EXTENT, TRUTH.scores, one_hot(0, CLASSES))


def yolov8() -> list[Array]:
    scores = one_hot(0, CLASSES) * TRUTH.scores[:, None]
    return [np.swapaxes(rows(CELLS, CENTRE, EXTENT, scores)[0], 1, 2)]


def yolov10() -> list[Array]:
    return rows(300, TRUTH.boxes, TRUTH.scores, TRUTH.classes.astype(np.float64))


def detections() -> list[Array]:
    return [
        TRUTH.boxes.astype(np.float32),
        TRUTH.classes.astype(np.int64),
        TRUTH.scores.astype(np.float32),
    ]


def of_tensorflow() -> list[Array]:
    classes = np.array([1, 1, 1], np.float32)
    return [TRUTH.boxes[None], TRUTH.scores[None], classes[None], np.array([3], np.float32)]


def ssd() -> list[Array]:
    scores = np.zeros((1, 120, 2 + CLASSES))
    scores[..., 0] = 1
    scores[0, PLACES] = one_hot(1, 2 + CLASSES) * TRUTH.scores[:, None]
    scores[0, PLACES, 0] = 1 - TRUTH.scores
    return [np.log(np.maximum(scores, 1e-9)), *rows(120, TRUTH.boxes)]


def detr() -> list[Array]:
    scores = np.zeros((1, 120, CLASSES + 2))
    scores[..., -1] = 1
    scores[0, PLACES] = one_hot(0, CLASSES + 2) * TRUTH.scores[:, None]
    scores[0, PLACES, -1] = 1 - TRUTH.scores
    return [scores, *rows(120, CENTRE, EXTENT)]


def found(arrays: list[Array], **settings: Any) -> Detections:
    outputs = {f"y{index}": array for index, array in enumerate(arrays)}
    decoder = box_decoder(TaskSettings(task="boxes", **settings), IMAGE, outputs)
    [boxes] = decoder(outputs, IMAGE)
    return boxes.best(0.3, 0.45)


@pytest.mark.parametrize(
    ("make", "name", "told"),
    [
        (yolox, "yolox", True),
        (yolov5, "yolov5", True),
        (lambda: yolov5(CELLS), "yolov5", True),
        (yolov8, "yolov8", True),
        (yolov10, "yolov10", True),
        (detections, "detections", True),
        (of_tensorflow, "detections", True),
        (ssd, "ssd", False),
        (detr, "detr", False),
    ],
)
def test_each_layout(make: Callable[[], list[Array]], name: str, told: bool) -> None:
    arrays = make()
    boxes = found(arrays, box_layout=name)
    assert boxes.boxes == pytest.approx(TRUTH.boxes, abs=1e-4)
    assert boxes.scores == pytest.approx(TRUTH.scores, abs=1e-6)
    if make is not of_tensorflow:
        assert boxes.classes.tolist() == TRUTH.classes.tolist()
    if told:
        same = found(arrays)
        assert np.array_equal(same.boxes, boxes.boxes)


def test_offsets_to_anchors(tmp_path: Path) -> None:
    anchors = np.tile([50.0, 30, 20, 40], (120, 1))
    np.save(tmp_path / "anchors.npy", anchors)
    scores, boxes = ssd()
    centre, extent = anchors[:3, :2], anchors[:3, 2:]
    boxes[0, PLACES] = np.concatenate(
        [(CENTRE - centre) / extent / 0.1, np.log(EXTENT / extent) / 0.2], axis=1
    )
    settings = {"box_layout": "ssd", "box_anchors": tmp_path / "anchors.npy"}
    assert found([scores, boxes], **settings).boxes == pytest.approx(TRUTH.boxes, abs=1e-4)
    np.save(tmp_path / "anchors.npy", anchors[:5])
    with pytest.raises(DataError, match="there are 5 anchors for 120 boxes"):
        found([scores, boxes], **settings)
    np.save(tmp_path / "anchors.npy", anchors[:, :2])
    with pytest.raises(DataError, match=r"anchors.npy: anchors are an array \[N, 4\]"):
        found([scores, boxes], **settings)


def test_a_function_of_the_users(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text(
        "import numpy as np\n"
        "def boxes(outputs, sample):\n"
        "    rows = outputs['y0'][0]\n"
        "    return rows[:, :4], rows[:, 4], rows[:, 5]\n"
        "def uneven(outputs, sample):\n"
        "    return np.zeros((2, 4)), np.zeros(3), np.zeros(2)\n"
    )
    boxes = found(yolov10(), box_layout=f"{script}:boxes")
    assert boxes.boxes == pytest.approx(TRUTH.boxes)
    with pytest.raises(DataError, match=r"gives 2 boxes, 3 scores and 2 classes for data\[0\]"):
        found(yolov10(), box_layout=f"{script}:uneven")


def test_shapes_that_tell_nothing() -> None:
    assert told_layout([np.zeros((7, 3))], (HEIGHT, WIDTH)) is None
    assert told_layout([], (0, 0)) is None
    with pytest.raises(DataError) as caught:
        found([np.zeros((1, 7, 3), np.float32)])
    assert str(caught.value) == (
        "the shapes of the outputs do not show how boxes are stored in them: 'y0' [1, 7, 3]"
    )
    assert "script.py:function" in str(caught.value.hint)
    with pytest.raises(DataError, match="7 rows are not the cells of an image of 64 x 96"):
        found([np.zeros((1, 7, 9), np.float32)], box_layout="yolox")
    with pytest.raises(DataError, match=r"data\[0\]: the outputs do not hold boxes in this layout"):
        found([np.zeros((1, 7, 3), np.float32)], box_layout="yolov10")
    with pytest.raises(UsageError, match="`box_layout` 'yolo99' is unknown"):
        TaskSettings(task="boxes", box_layout="yolo99")


def test_height_and_width_of_the_image() -> None:
    assert image_size(IMAGE.feeds) == (HEIGHT, WIDTH)
    assert image_size({"n": np.zeros(3), "x": np.zeros((1, 20, 30, 3))}) == (20, 30)
    assert image_size({"n": np.zeros(3)}) == (0, 0)
    assert cells((HEIGHT, WIDTH), CELLS) == (8, 16, 32)
    assert cells((0, 0), 0) is None


@pytest.mark.parametrize("size", [0.0, np.nan, np.inf, 1e30])
def test_numbers_that_are_none(size: float) -> None:
    for make in (yolox, yolov5, yolov8, yolov10):
        arrays = [np.full_like(array, size) for array in make()]
        settings = TaskSettings(task="boxes", box_layout=make.__name__)
        outputs = {"y0": make()[0]}
        score = BoxScore(settings, box_decoder(settings, IMAGE, outputs))
        score.update(IMAGE, outputs, {"y0": arrays[0]})
        assert 0 <= score.result["boxes_f1"] <= 100


def test_share_of_the_boxes() -> None:
    settings = TaskSettings(task="boxes", box_layout="detections")
    outputs = {f"y{index}": array for index, array in enumerate(detections())}
    lost = {name: array[:2] for name, array in outputs.items()}
    score = BoxScore(settings, box_decoder(settings, IMAGE, outputs))
    answers = score.update(IMAGE, outputs, lost)
    assert score.result == {"boxes_f1": pytest.approx(200 * 2 / 5)}
    assert answers is not None
    assert (answers.before, answers.after) == ("3 boxes", "2 boxes, 2 of them the same")
    assert score.update(IMAGE, outputs, outputs) is None
    none = BoxScore(TaskSettings(task="boxes", box_score=0.95), lambda *_: [TRUTH])
    none.update(IMAGE, outputs, outputs)
    with pytest.raises(DataError, match=r"the float model finds no box with a score of 0\.95"):
        assert none.result
