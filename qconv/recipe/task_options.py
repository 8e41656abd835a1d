"""The options that say what outputs mean, and what a model is for."""

from __future__ import annotations

from collections.abc import Sequence

from qconv.recipe.option import Option

TASK_GROUP = "What the model is for"
"""The heading of all of them."""

TASK_OPTIONS: Sequence[Option] = (
    Option(
        "output_kind",
        TASK_GROUP,
        "What an output contains: classes, vector, map, boxes or state. Answers are compared only "
        "for classes. May be repeated.",
        "NAME=KIND",
        "classes if the last axis holds probabilities, or the data have labels; state if it is "
        "named after an input",
    ),
    Option(
        "task",
        TASK_GROUP,
        "Compare results of the model's task with the float model's: the boxes that it finds, the "
        "texts that it reads (ctc), which samples are similar (similarity), the class of each "
        "point (map), how well it predicts the next token (perplexity).",
    ),
    Option(
        "task_output",
        TASK_GROUP,
        "An output that the task reads; may be repeated.",
        "NAME",
        "found from the shapes",
    ),
    Option(
        "box_layout",
        TASK_GROUP,
        "How boxes are stored in the outputs: yolox (not decoded), yolov5 (also v7), yolov8 (also "
        "v9, "
        "v11), yolov10, ssd, detr, detections (boxes, scores and classes apart); or your own "
        "function, (outputs, sample) -> boxes [n, 4] as corners, scores [n], classes [n].",
        "NAME|FILE:FUNCTION",
        "found from the shapes",
    ),
    Option("box_score", TASK_GROUP, "Ignore boxes with a smaller score.", "SCORE"),
    Option(
        "box_iou",
        TASK_GROUP,
        "Two boxes match if their intersection over union is at least this.",
        "IOU",
    ),
    Option(
        "box_overlap",
        TASK_GROUP,
        "Of two boxes of a model that overlap more than this, only the better one counts.",
        "IOU",
    ),
    Option(
        "box_anchors",
        TASK_GROUP,
        "The anchors of ssd, if its boxes are offsets from them: [N, 4], centre x, y, width and "
        "height.",
        "FILE.npy",
    ),
    Option(
        "ctc_blank", TASK_GROUP, "The class of the blank (no letter); -1 is the last class.", "N"
    ),
)
"""In the order of the help."""
