"""What is gathered of one model while the samples stream by."""

from __future__ import annotations

from collections.abc import Mapping

from qconv.data.source import Array, Sample
from qconv.errors import DataError, ModelError
from qconv.evaluation.traits import Traits
from qconv.numerics.metrics import Agreement, Cosine, KlDivergence, Sqnr, TopK
from qconv.recipe.tasks import OutputKind
from qconv.reporting.pairing import Pairing
from qconv.reporting.report_data import Accuracy, OutputMetrics
from qconv.runtime.runner import Runner


class LabelScore:
    """Top-1 and top-5 of one model."""

    def __init__(self, traits: Traits) -> None:
        self._output = traits.class_output
        self._labels = traits.labels
        self._top1 = TopK(1) if traits.top1 else None
        self._top5 = TopK(5) if traits.top5 else None

    def update(self, sample: Sample, outputs: Mapping[str, Array]) -> bool | None:
        """Add one sample, and say if its best class is the label; None without labels.

        Raises:
            DataError: one sample has a label and another none; a label is no class of the model,
                or stands for several rows.
        """
        if (sample.label is not None) != self._labels:
            has = "no label" if sample.label is None else "a label"
            raise DataError(
                f"{sample.origin}: has {has}, although other samples have "
                f"{'one' if sample.label is None else 'none'}",
                hint="label all samples or none",
            )
        if sample.label is None or self._output is None or self._top1 is None:
            return None
        scores = outputs[self._output]
        _check_label(sample.label, sample.origin, scores)
        if self._top5 is not None:
            self._top5.update(scores[0], sample.label)
        return self._top1.update(scores[0], sample.label)

    @property
    def result(self) -> Accuracy | None:
        """The shares in percent, or None without labels."""
        if self._top1 is None:
            return None
        return Accuracy(self._top1.result, self._top5.result if self._top5 else None)


class PairedScore:
    """What became of the float model's answers: how many a variant lost, and gained."""

    def __init__(self) -> None:
        self._samples = self._lost = self._gained = 0

    def update(self, reference: bool | None, variant: bool | None) -> None:
        """Add one sample: whether each model gets it right."""
        if reference is None or variant is None:
            return
        self._samples += 1
        self._lost += reference and not variant
        self._gained += variant and not reference

    @property
    def result(self) -> Pairing | None:
        """The counts and their statistics; None without labels."""
        return Pairing.of(self._samples, self._lost, self._gained) if self._samples else None


class OutputComparison:
    """One output of a variant beside the float model's."""

    def __init__(self, name: str, kind: OutputKind) -> None:
        self.name = name
        self._kind = kind
        distribution = kind == "classes"
        self._sqnr = Sqnr()
        self._cosine = Cosine()
        self._kl = KlDivergence() if distribution else None
        self._agreement = Agreement() if distribution else None

    def update(self, reference: Array, variant: Array) -> None:
        """Add one sample: two arrays of the same shape."""
        for metric in (self._sqnr, self._cosine, self._kl, self._agreement):
            if metric is not None:
                metric.update(reference, variant)

    @property
    def result(self) -> OutputMetrics:
        """The numbers over all samples so far."""
        return OutputMetrics(
            name=self.name,
            sqnr_db=self._sqnr.result,
            cosine=self._cosine.result,
            kl=self._kl.result if self._kl else None,
            agreement=self._agreement.result if self._agreement else None,
            broken=self._sqnr.broken,
            kind=self._kind,
            rows=self._agreement.rows if self._agreement else None,
            sqnr_error=self._sqnr.error,
        )


class Comparison:
    """All outputs of a variant beside the float model's."""

    def __init__(self, reference: Runner, variant: Runner, traits: Traits) -> None:
        self._variant = variant
        self._outputs = [
            OutputComparison(port.name, traits.kinds[port.name]) for port in reference.outputs
        ]

    def update(
        self, sample: Sample, reference: Mapping[str, Array], variant: Mapping[str, Array]
    ) -> None:
        """Add the outputs of one sample.

        Raises:
            ModelError: an output has another shape than the float model's.
        """
        for output in self._outputs:
            expected, found = reference[output.name], variant[output.name]
            if expected.shape != found.shape:
                raise ModelError(
                    f"{self._variant.path}: the output '{output.name}' has the shape "
                    f"{list(found.shape)} for {sample.origin}; "
                    f"the float model gives {list(expected.shape)}"
                )
            output.update(expected, found)

    @property
    def result(self) -> tuple[OutputMetrics, ...]:
        """The numbers of each output, in the float model's order."""
        return tuple(output.result for output in self._outputs)


def _check_label(label: int, origin: str, scores: Array) -> None:
    if len(scores) != 1:
        raise DataError(
            f"{origin}: there is one label for a batch of {len(scores)} rows",
            hint="labels need samples of batch 1",
        )
    if not 0 <= label < scores.shape[-1]:
        raise DataError(
            f"{origin}: the label {label} is not a class of the model, which has "
            f"{scores.shape[-1]} (0 to {scores.shape[-1] - 1})",
            hint="labels are classes, counted from 0; folder names that are numbers count as "
            "labels",
        )
