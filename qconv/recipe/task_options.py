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
        "What an output holds: classes, vector, map, boxes or state. Answers are compared for "
        "classes alone. May be repeated.",
        "NAME=KIND",
        "classes where the last axis holds probabilities, or data have labels; state where it is "
        "named after an input",
    ),
    Option(
        "task",
        TASK_GROUP,
        "Compare what the model is for with the float model's: boxes that it finds, texts that it "
        "reads (ctc), which samples are similar (similarity), the class of each point (map), how "
        "well it predicts the next token (perplexity).",
    ),
    Option(
        "task_output",
        TASK_GROUP,
        "An output that the task reads; may be repeated.",
        "NAME",
        "by the shapes",
    ),
    Option(
        "box_layout",
        TASK_GROUP,
        "How boxes lie in the outputs: yolox (not decoded), yolov5 (also v7), yolov8 (also v9, "
        "v11), yolov10, ssd, detr, detections (boxes, scores and classes apart); or a function of "
        "yours, (outputs, sample) -> boxes [n, 4] as corners, scores [n], classes [n].",
        "NAME|FILE:FUNCTION",
        "by the shapes",
    ),
    Option("box_score", TASK_GROUP, "Boxes with a smaller score do not count.", "SCORE"),
    Option(
        "box_iou",
        TASK_GROUP,
        "Two boxes are the same one from this intersection over union on.",
        "IOU",
    ),
    Option(
        "box_overlap",
        TASK_GROUP,
        "Of two boxes of a model that overlap more than this, the better one counts alone.",
        "IOU",
    ),
    Option(
        "box_anchors",
        TASK_GROUP,
        "The anchors of ssd, where its boxes are offsets to them: [N, 4], centre x, y, width and "
        "height.",
        "FILE.npy",
    ),
    Option(
        "ctc_blank", TASK_GROUP, "The class that stands for no letter; -1 is the last one.", "N"
    ),
)
"""In the order of the help."""
