"""The task that was chosen, made ready for a model and its data."""

from __future__ import annotations

from collections.abc import Callable

from qconv.data.source import Sample
from qconv.evaluation.tasks.boxes_found import BoxScore, box_decoder
from qconv.evaluation.tasks.class_maps import MapScore
from qconv.evaluation.tasks.next_token import NextTokenScore
from qconv.evaluation.tasks.score import Outputs, TaskScore
from qconv.evaluation.tasks.similarities import SimilarityScore
from qconv.evaluation.tasks.texts_read import TextScore
from qconv.recipe.tasks import TaskSettings

NewScore = Callable[[], TaskScore]
"""Makes a score that holds nothing yet."""


def task_score(settings: TaskSettings, sample: Sample, outputs: Outputs) -> NewScore | None:
    """Return what makes a score for each model; None where no task was chosen.

    Args:
        settings: the task, and what it reads.
        sample: the first of the data.
        outputs: what the float model gives for it.

    Raises:
        DataError: the outputs are not those of such a task.
    """
    named = settings.task_output
    match settings.task:
        case "boxes":
            decoder = box_decoder(settings, sample, outputs)
            return lambda: BoxScore(settings, decoder)
        case "ctc":
            return lambda: TextScore(named, settings.ctc_blank)
        case "similarity":
            return lambda: SimilarityScore(named)
        case "map":
            return lambda: MapScore(named)
        case "perplexity":
            return lambda: NextTokenScore(named)
        case None:
            return None
