"""What a report finds out about each of its models, the speed apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from qconv.evaluation.custom import CustomMetric
from qconv.evaluation.details import Details, read_details
from qconv.evaluation.evaluate import Quality, evaluate
from qconv.evaluation.file_contents import Contents, read_contents
from qconv.evaluation.layer_errors import file_errors
from qconv.evaluation.lineup import Lineup
from qconv.evaluation.worst_tensors import float_weights
from qconv.graph.model_io import read_model
from qconv.progress import Progress
from qconv.reporting.contents import FloatOperator, FusionAudit, LayerError
from qconv.reporting.profile_data import Profile
from qconv.reporting.report_data import DataSummary, VariantReport
from qconv.reporting.runs import Latency, Simulation

Audit = Callable[[Path], FusionAudit]


@dataclass(frozen=True)
class MeasuredModel:
    """One model of a report; of the float model only its file and its accuracy are measured."""

    name: str
    path: Path
    contents: Contents
    quality: Quality
    fusion: FusionAudit | None = None
    simulation: Simulation | None = None
    details: Details = field(default_factory=Details)
    layers: tuple[LayerError, ...] = ()

    @property
    def in_float(self) -> tuple[FloatOperator, ...]:
        """The operators that compute in float, whether they are quantized or not."""
        misses = () if self.fusion is None else self.fusion.misses
        return (*self.contents.kept_float, *misses)

    def told(self, latency: Latency | None, profile: Profile | None) -> VariantReport:
        """Return what the report says of it."""
        return VariantReport(
            name=self.name,
            path=str(self.path),
            size_bytes=self.contents.size_bytes,
            accuracy=self.quality.accuracy,
            outputs=self.quality.outputs,
            latency=latency,
            fusion=self.fusion,
            custom=self.quality.custom,
            simulation=self.simulation,
            paired=self.quality.paired,
            coverage=self.contents.coverage,
            sha256=self.contents.sha256,
            origin=self.contents.origin,
            storage=self.contents.storage,
            kept_float=self.contents.kept_float,
            portability=self.contents.portability,
            ranges=self.details.ranges,
            histograms=self.details.histograms,
            picture=self.details.picture,
            layers=self.layers,
            task=self.quality.task,
            changed=self.quality.changed,
            profile=profile,
            energy=self.contents.energy,
        )


@dataclass(frozen=True)
class Measured:
    """The data that was run, and the models, the float model first.

    ``contents`` are digests of the samples.
    """

    data: DataSummary
    contents: tuple[str, ...]
    models: tuple[MeasuredModel, ...]


def measure(
    lineup: Lineup,
    metrics: Sequence[CustomMetric],
    audit: Audit,
    *,
    details: bool,
    layers: bool,
    progress: Progress,
) -> Measured:
    """Measure everything but the speed.

    Args:
        lineup: the models and the data.
        metrics: the user's metric functions.
        audit: finds which quantized operators of a file run in integers on the CPU.
        details: whether to look at weights and activations one by one.
        layers: whether to tell the error of each quantized value, on the first samples.
        progress: shown over the samples.

    Raises:
        ModelError: a file is broken, or a model fails on a sample.
        DataError: a label or a custom metric is wrong.
    """
    reference, variants = lineup.reference, lineup.variants
    fusions = [audit(model.path) if lineup.place.is_cpu else None for model in variants]
    contents = [
        read_contents(model.path, lineup.feeds, fusion, variant=model is not reference)
        for model, fusion in zip(lineup.models, (None, *fusions), strict=True)
    ]
    runners = [model.runner for model in variants]
    found = evaluate(
        reference.runner, runners, lineup.data, lineup.traits, metrics=metrics, progress=progress
    )
    measured = [
        MeasuredModel(
            model.name,
            model.path,
            content,
            quality,
            fusion=fusion,
            simulation=model.half.watch(lineup.source) if model.half else None,
        )
        for model, content, quality, fusion in zip(
            lineup.models, contents, found.qualities, (None, *fusions), strict=True
        )
    ]
    exact, *others = measured
    assumed = lineup.place.assumed
    if details:
        floats = float_weights(read_model(exact.path))
        others = [
            replace(
                model,
                details=read_details(model.path, floats, lineup.first, assumed, model.in_float),
            )
            for model in others
        ]
    if layers:
        others = [
            replace(
                model,
                layers=file_errors(exact.path, model.path, lineup.source, assumed, progress),
            )
            for model in others
        ]
    return Measured(lineup.summary(found.sha256), found.contents, (exact, *others))
