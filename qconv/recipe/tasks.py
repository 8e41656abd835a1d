"""What outputs mean, and what a model is for: the user's choices for a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from qconv.errors import UsageError
from qconv.recipe.fields import Checked, Range, listed, setting

OutputKind = Literal["classes", "vector", "map", "boxes", "state"]
Task = Literal["boxes", "ctc", "similarity", "map", "perplexity"]
BoxLayout = Literal["yolox", "yolov5", "yolov8", "yolov10", "ssd", "detr", "detections"]

_BOXES = {"task": ("boxes",)}


def _kinds(texts: tuple[str, ...]) -> None:
    seen = set()
    for text in texts:
        name, _, kind = text.rpartition("=")
        if not name or kind not in get_args(OutputKind):
            raise UsageError(
                f"`output_kind` '{text}' is not of the form NAME=KIND",
                hint=f"a kind is {listed(get_args(OutputKind), 'or')}",
            )
        if name in seen:
            raise UsageError(f"`output_kind` names the output '{name}' twice")
        seen.add(name)


def _layout(text: str | None) -> None:
    if text not in (None, *get_args(BoxLayout)) and ":" not in str(text):
        raise UsageError(
            f"`box_layout` '{text}' is unknown",
            hint=f"it is {listed(get_args(BoxLayout), 'or')}, or script.py:function",
        )


@dataclass(frozen=True)
class TaskSettings(Checked):
    """How the answers of two models are compared.

    Attributes:
        output_kind: what outputs hold, as ``NAME=KIND``; the others are looked at.
        task: what the model is for; None compares numbers alone.
        task_output: the outputs that the task reads; empty finds them by their shapes.
        box_layout: how boxes lie in the outputs, or ``script.py:function``; None tells by shapes.
        box_score: boxes below it do not count.
        box_iou: intersection over union from which on two boxes are the same one.
        box_overlap: intersection over union above which the better of two boxes of one model hides
            the other.
        box_anchors: ``.npy`` file of ``[N, 4]``, centre x, y, width, height, for ``ssd``.
        ctc_blank: the class that stands for no letter; -1 is the last one.
    """

    output_kind: tuple[str, ...] = setting((), must=_kinds)
    task: Task | None = None
    task_output: tuple[str, ...] = setting((), goes_with={"task": get_args(Task)})
    box_layout: str | None = setting(None, must=_layout, goes_with=_BOXES)
    box_score: float = setting(0.3, within=Range(0, 1), goes_with=_BOXES)
    box_iou: float = setting(0.5, within=Range(0, 1, open=True), goes_with=_BOXES)
    box_overlap: float = setting(0.45, within=Range(0, 1), goes_with=_BOXES)
    box_anchors: Path | None = setting(None, goes_with={"box_layout": ("ssd",)})
    ctc_blank: int = setting(0, within=Range(-1), goes_with={"task": ("ctc",)})

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it reads: anchors, and the script that gives boxes."""
        layout = self.box_layout or ""
        place, _, _ = layout.rpartition(":")
        scripts = (Path(place),) if place.endswith(".py") else ()
        return (*scripts, *(() if self.box_anchors is None else (self.box_anchors,)))

    @property
    def kinds(self) -> dict[str, OutputKind]:
        """What outputs hold, by name."""
        pairs = (text.rpartition("=") for text in self.output_kind)
        return {name: cast(OutputKind, kind) for name, _, kind in pairs}
