"""Texts that a recognizer reads (CTC), beside those that the float model reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from qconv.data.source import Array, Sample
from qconv.errors import DataError
from qconv.evaluation.tasks.score import Answers, Outputs, TaskScore, task_output
from qconv.numerics.sequences import best_path, edit_distance

_SHOWN = 24


class TextScore(TaskScore):
    """Texts that are the same as the float model's, and letters that differ.

    An output ``[batch, steps, classes]`` or ``[steps, batch, classes]`` is read by best path
    decoding.

    Args:
        named: the output, if it is named.
        blank: the class that stands for no letter; -1 is the last one.
    """

    def __init__(self, named: Sequence[str], blank: int) -> None:
        self._named = named
        self._blank = blank
        self._texts = self._same = self._letters = self._edits = 0

    def update(self, sample: Sample, reference: Outputs, own: Outputs) -> Answers | None:
        """Add one sample."""
        name = task_output(reference, self._named, (3,), "ctc")
        batch = next((len(array) for array in sample.feeds.values() if array.ndim), 1)
        changed = None
        pairs = zip(self._read(reference[name], batch), self._read(own[name], batch), strict=True)
        for mine, theirs in pairs:
            self._texts += 1
            self._same += mine == theirs
            self._letters += len(mine)
            self._edits += edit_distance(mine, theirs)
            if mine != theirs and changed is None:
                changed = Answers(_shown(mine), _shown(theirs))
        return changed

    @property
    def result(self) -> Mapping[str, float]:
        """``ctc_same`` and ``ctc_cer``, in percent."""
        if not self._letters:
            raise DataError(
                "the float model reads no letter in any sample",
                hint="another class may be the blank: set `ctc_blank`; -1 is the last class",
            )
        return {
            "ctc_same": 100 * self._same / self._texts,
            "ctc_cer": 100 * self._edits / self._letters,
        }

    def _read(self, scores: Array, batch: int) -> Iterator[tuple[int, ...]]:
        if scores.shape[0] != batch and scores.shape[1] == batch:
            scores = np.swapaxes(scores, 0, 1)
        blank = self._blank if self._blank >= 0 else scores.shape[-1] - 1
        for rows in scores:
            yield best_path(rows, blank)


def _shown(text: Sequence[int]) -> str:
    letters = " ".join(map(str, text[:_SHOWN]))
    return f"{letters} ..." if len(text) > _SHOWN else letters or "nothing"
