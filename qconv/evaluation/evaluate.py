"""One pass over the data: the float model and its variants, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qconv.data.loops import LoopData, bind
from qconv.data.sample_digests import content_digest
from qconv.data.source import Array, Feeds, Sample, Source
from qconv.evaluation.changes import Changes
from qconv.evaluation.custom import CustomMetric, Mean
from qconv.evaluation.fingerprint import DataFingerprint
from qconv.evaluation.scores import Comparison, LabelScore, PairedScore
from qconv.evaluation.traits import Traits
from qconv.parallel import in_parallel, worker_count
from qconv.progress import Progress, no_progress
from qconv.reporting.answers import ChangedAnswer
from qconv.reporting.pairing import Pairing
from qconv.reporting.report_data import Accuracy, OutputMetrics
from qconv.runtime.runner import Runner

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Quality:
    """What one model gets right, and how near its outputs are to the float model's.

    The float model itself has no ``outputs`` and is not ``paired``. ``task`` are the metrics of
    what the model is for, ``changed`` samples with another answer than the float model's.
    """

    accuracy: Accuracy | None
    outputs: tuple[OutputMetrics, ...]
    custom: Mapping[str, float]
    paired: Pairing | None
    task: Mapping[str, float] = field(default_factory=dict)
    changed: tuple[ChangedAnswer, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The quality of each model, the float model's first, and the SHA-256 of the data.

    ``contents`` are digests of the samples, whatever file they come from.
    """

    qualities: tuple[Quality, ...]
    sha256: str
    contents: tuple[str, ...]


def evaluate(
    reference: Runner,
    variants: Sequence[Runner],
    data: Source | LoopData,
    traits: Traits,
    *,
    metrics: Sequence[CustomMetric] = (),
    progress: Progress = no_progress,
) -> Evaluation:
    """Run every sample once through every model, and keep only sums.

    Args:
        reference: the float model.
        variants: models with the same inputs and outputs.
        data: the samples; with a loop each model carries its own state from sample to sample.
        traits: what to measure, see :func:`qconv.evaluation.traits.read_traits`.
        metrics: the user's metric functions.
        progress: shown over the samples.

    Raises:
        ModelError: a model fails on a sample, or gives an output of another shape.
        DataError: a label or a custom metric is wrong.
    """
    models = (reference, *variants)
    comparisons = [None, *(Comparison(reference, variant, traits) for variant in variants)]
    scores = [_Score(traits, comparison, metrics) for comparison in comparisons]
    fingerprint = DataFingerprint()
    contents = []
    total = len(bind(data, reference.answer))
    for sample, answers in progress(_answers(models, data), total, "evaluating"):
        fingerprint.update(sample)
        contents.append(content_digest(sample.feeds))
        _evaluate_sample(sample, answers, scores)
    qualities = [score.result for score in scores]
    if (task := scores[-1].task) is not None:
        qualities[0] = replace(qualities[0], task=task.reference)
    return Evaluation(tuple(qualities), fingerprint.hexdigest, tuple(contents))


class _Score:
    """What is summed up of one model; the float model has no ``comparison``."""

    def __init__(
        self, traits: Traits, comparison: Comparison | None, metrics: Sequence[CustomMetric]
    ) -> None:
        self.labels = LabelScore(traits)
        self.paired = PairedScore()
        self.comparison = comparison
        self.means = [Mean(metric) for metric in metrics]
        new = None if comparison is None else traits.task_score
        self.task = None if new is None else new()
        self.changes = Changes(None if new is not None else traits.class_output)

    @property
    def result(self) -> Quality:
        outputs = () if self.comparison is None else self.comparison.result
        custom = {mean.metric.name: mean.result for mean in self.means}
        task = {} if self.task is None else self.task.result
        return Quality(
            accuracy=self.labels.result,
            outputs=outputs,
            custom=custom,
            paired=self.paired.result,
            task=task,
            changed=self.changes.result,
        )


def _answers(
    models: Sequence[Runner], data: Source | LoopData
) -> Iterator[tuple[Sample, list[Outputs]]]:
    """Yield each sample of the float model with the outputs of all models.

    Samples run in parallel, each on one thread, which uses the cores better than parallel
    operators do; those of loops run one after the other.
    """
    if not isinstance(data, LoopData):

        def answer(sample: Sample) -> tuple[Sample, list[Outputs]]:
            return sample, [model.run(sample) for model in models]

        yield from in_parallel(answer, data, worker_count())
        return
    loops = [_Loop(model, data) for model in models]
    for answered in zip(*loops, strict=True):
        yield answered[0][0], [outputs for _, outputs in answered]


class _Loop:
    """The samples of loops, and of what data there are beside them, as one model answers them."""

    def __init__(self, model: Runner, data: LoopData) -> None:
        self._model = model
        self._data = data
        self._ran: tuple[Feeds, Outputs] | None = None

    def __iter__(self) -> Iterator[tuple[Sample, Outputs]]:
        for sample in self._data.bound(self._run):
            if self._ran is not None and self._ran[0] is sample.feeds:
                yield sample, self._ran[1]
            else:
                yield sample, self._model.run(sample)

    def _run(self, feeds: Feeds) -> Outputs:
        outputs = self._model.answer(feeds)
        self._ran = feeds, outputs
        return outputs


def _evaluate_sample(sample: Sample, outputs: Sequence[Outputs], scores: Sequence[_Score]) -> None:
    """Custom metrics come last: a function may change the arrays that it is given."""
    pairs = list(zip(scores, outputs, strict=True))
    for score, mine in pairs:
        if score.comparison is not None:
            score.comparison.update(sample, outputs[0], mine)
            answers = None if score.task is None else score.task.update(sample, outputs[0], mine)
            score.changes.update(sample, outputs[0], mine, answers)
    right = [score.labels.update(sample, mine) for score, mine in pairs]
    for score, mine_right in zip(scores[1:], right[1:], strict=True):
        score.paired.update(right[0], mine_right)
    for score, mine in pairs:
        for mean in score.means:
            mean.update(mine, sample, outputs[0])
