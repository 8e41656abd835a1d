"""The samples that a variant answers otherwise than the float model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qconv.data.source import Array, Sample
from qconv.data.thumbnails import thumbnail
from qconv.evaluation.output_kinds import is_distribution
from qconv.evaluation.tasks.score import Answers
from qconv.reporting.answers import ChangedAnswer

MOST = 12
"""Samples that are told of each variant, the first of the data."""


class Changes:
    """The first samples of a variant whose answer changed.

    Args:
        class_output: the output ``[batch, classes]`` that answers where no task does.
    """

    def __init__(self, class_output: str | None) -> None:
        self._output = class_output
        self._found: list[ChangedAnswer] = []

    def update(
        self,
        sample: Sample,
        reference: Mapping[str, Array],
        own: Mapping[str, Array],
        answers: Answers | None,
    ) -> None:
        """Add one sample; ``answers`` are those of a task, if they differ."""
        if len(self._found) == MOST:
            return
        if answers is None and self._output is not None:
            answers = class_answers(reference[self._output], own[self._output])
        if answers is not None:
            self._found.append(
                ChangedAnswer(
                    sample.origin,
                    answers.before,
                    answers.after,
                    sample.label,
                    thumbnail(sample.feeds),
                )
            )

    @property
    def result(self) -> tuple[ChangedAnswer, ...]:
        """Those found so far, in the order of the data."""
        return tuple(self._found)


def class_answers(reference: Array, own: Array) -> Answers | None:
    """Return both answers of the first row ``[batch, classes]`` whose best class changed."""
    best = np.argmax(reference, axis=-1), np.argmax(own, axis=-1)
    rows = np.flatnonzero(best[0] != best[1])
    if not len(rows):
        return None
    row = int(rows[0])
    before, after = (
        _told(scores[row], int(found[row]))
        for scores, found in zip((reference, own), best, strict=True)
    )
    return Answers(before, after)


def _told(scores: Array, best: int) -> str:
    if not is_distribution(scores[None]) or scores.min() < 0:
        return f"class {best}"
    return f"class {best} ({100 * float(scores[best]):.3g} %)"
