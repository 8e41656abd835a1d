"""Boxes: overlap, non-maximum suppression and partners, beside ONNX Runtime and pycocotools."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from qconv.numerics.boxes import Detections, intersection_over_union, matched

SUPPRESSION = """
<ir_version: 8, opset_import: ["" : 17]>
nms (float[1,N,4] boxes, float[1,C,N] scores, float[1] overlap, float[1] least)
  => (int64[K,3] kept)
<int64[1] most = {1000}>
{
  kept = NonMaxSuppression(boxes, scores, most, overlap, least)
}
"""


def boxes(seed: int, count: int, classes: int = 3) -> Detections:
    r = np.random.default_rng(seed)
    low = r.uniform(0, 80, (count, 2))
    return Detections(
        np.concatenate([low, low + r.uniform(4, 40, (count, 2))], axis=1),
        r.permutation(count) / count,
        r.integers(0, classes, count),
    )


def moved(found: Detections, seed: int) -> Detections:
    r = np.random.default_rng(seed)
    changed = Detections(
        found.boxes + r.normal(0, 4, found.boxes.shape), r.permutation(found.scores), found.classes
    )
    return changed.take(r.random(len(found)) < 0.8)


@pytest.mark.parametrize("seed", range(20))
def test_suppression_is_that_of_the_runtime(seed: int) -> None:
    found, overlap, least = boxes(seed, 60), 0.3 + 0.02 * seed, 0.2
    scores = np.zeros((1, 3, 60), np.float32)
    scores[0, found.classes, np.arange(60)] = found.scores
    session = ort.InferenceSession(onnx.parser.parse_model(SUPPRESSION).SerializeToString())
    feeds = {
        "boxes": found.boxes[None].astype(np.float32),
        "scores": scores,
        "overlap": np.array([overlap], np.float32),
        "least": np.array([least], np.float32),
    }
    [kept] = session.run(None, feeds)
    expected = found.take(np.sort(kept[:, 2]))
    ours = found.best(np.nextafter(least, 1), overlap)
    order = np.lexsort(ours.boxes.T)
    assert len(ours) == len(expected) < 50
    assert np.array_equal(ours.boxes[order], expected.boxes[np.lexsort(expected.boxes.T)])
    assert np.array_equal(ours.scores, np.sort(ours.scores)[::-1])


@pytest.mark.parametrize("seed", range(30))
def test_partners_are_those_of_coco(seed: int) -> None:
    reference = boxes(seed, 25)
    found = moved(reference, seed + 100)
    assert matched(reference, found, 0.5) == coco_pairs(reference, found)


def coco_pairs(reference: Detections, found: Detections) -> int:
    """Return how many boxes COCO's own evaluation pairs up at 0.5."""
    sides: list[list[dict[str, object]]] = []
    for each in (reference, found):
        sizes = each.boxes[:, 2:] - each.boxes[:, :2]
        sides.append(
            [
                {
                    "id": index + 1,
                    "image_id": 1,
                    "category_id": int(each.classes[index]) + 1,
                    "bbox": [*each.boxes[index, :2], *sizes[index]],
                    "area": float(sizes[index].prod()),
                    "iscrowd": 0,
                    "score": float(each.scores[index]),
                }
                for index in range(len(each))
            ]
        )
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": 1}],
            "categories": [{"id": index} for index in (1, 2, 3)],
            "annotations": sides[0],
            "info": {},
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(sides[1]), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.evaluate()
    everywhere = evaluation.params.areaRng[0]
    images = [each for each in evaluation.evalImgs if each and each["aRng"] == everywhere]
    return sum(int((each["dtMatches"] > 0).sum()) for each in images)


def test_overlap_of_known_boxes() -> None:
    one: NDArray[np.float64] = np.array([[0, 0, 10, 10.0]])
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3.0]])
    assert intersection_over_union(one, others).tolist() == [[1, pytest.approx(1 / 3), 0, 0]]
    nothing = others[3:]
    assert intersection_over_union(nothing, nothing).tolist() == [[0]]


def test_nothing_found() -> None:
    none = boxes(0, 5).take(np.zeros(5, np.bool_))
    assert len(none.best(0, 0.5)) == 0
    assert matched(none, boxes(0, 5), 0.5) == matched(boxes(0, 5), none, 0.5) == 0


def test_a_box_is_partner_of_one_alone() -> None:
    one = Detections(np.array([[0, 0, 10, 10.0]]), np.ones(1), np.zeros(1, np.int64))
    twice = one.take([0, 0])
    assert matched(one, twice, 0.5) == matched(twice, one, 0.5) == 1
    other = Detections(one.boxes, one.scores, one.classes + 1)
    assert matched(one, other, 0.5) == 0
