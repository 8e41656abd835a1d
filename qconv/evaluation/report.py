"""The whole of ``qconv report``: model variants beside their float model, measured and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv import __version__
from qconv.data.loops import LoopData, bind
from qconv.data.source import Feeds, Source, TensorSpec
from qconv.errors import DataError, UsageError
from qconv.evaluation.contents import Contents, read_contents
from qconv.evaluation.custom import CustomMetric, check_custom_names, custom_name, load_metric
from qconv.evaluation.details import Details, read_details
from qconv.evaluation.evaluate import Evaluation, Quality, evaluate
from qconv.evaluation.layers import file_errors
from qconv.evaluation.naming import display_names
from qconv.evaluation.simulation import HalfSimulation
from qconv.evaluation.timing import WARMUP, first_samples, measure_latencies, timed_feeds
from qconv.evaluation.traits import Traits, read_traits
from qconv.progress import Progress, no_progress
from qconv.reporting.catalog import FUSION_METRICS, LATENCY_METRICS
from qconv.reporting.contents import FusionAudit, LayerError
from qconv.reporting.gates import Gate, require
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.record import (
    DataSummary,
    InputSummary,
    Latency,
    Report,
    Simulation,
    Timing,
    VariantReport,
)
from qconv.runtime.machine import cpu_name, has_vnni, runtime_version, versions
from qconv.runtime.runner import Place, check_outputs, check_same_ports
from qconv.runtime.session import CPU, find_provider

OpenData = Callable[[Sequence[TensorSpec]], Source | LoopData]
Audit = Callable[[Path], FusionAudit]

DEFAULT_RUNS = 50


def _audit_fusion(path: Path) -> FusionAudit:
    from qconv.runtime.audit import audit_fusion

    return audit_fusion(path)


def report(
    model: Path,
    variants: Sequence[Path],
    *,
    data: OpenData,
    fail_if: Sequence[str] = (),
    baseline: Report | None = None,
    metrics: Sequence[str] = (),
    assume: Mapping[str, str] | None = None,
    threads: int | None = 1,
    runs: int = DEFAULT_RUNS,
    batch: int | None = None,
    provider: str = CPU,
    latency: bool = True,
    details: bool = False,
    layers: bool = False,
    command: str | None = None,
    progress: Progress = no_progress,
    audit: Audit = _audit_fusion,
) -> Report:
    """Compare variants with their float model, and judge them by gates.

    Args:
        model: the float model.
        variants: models with the same inputs and outputs.
        data: opens the samples for the model's inputs.
        fail_if: gates; one fails where its expression is true.
        baseline: an earlier report, which gates call ``baseline``.
        metrics: the user's metric functions, each as ``script.py:function``.
        assume: inputs that the data need not hold, see :func:`qconv.graph.assume.assumed_arrays`;
            a variant may lack them.
        threads: threads of the timed inferences; None leaves the choice to the runtime.
        runs: timed inferences of each model.
        batch: samples that a timed inference takes; None: as the data has them.
        provider: the runtime's execution provider, for accuracy and latency.
        latency: whether to time at all.
        details: whether to look at weights and activations one by one, as the plots need it.
        layers: whether to tell the error of each quantized value, on the first samples.
        command: the command line, for the report to tell.
        progress: shown over samples and timed rounds.
        audit: finds which quantized operators of a file run in integers on the CPU.

    Raises:
        UsageError: a gate or metric is wrong, or needs what is not measured here.
        ModelError: a model is missing, cannot be loaded or run, or differs in inputs or outputs.
        DataError: the data does not fit the model, or a metric function fails.
        UnsupportedError: the runtime cannot run a model.
    """
    place = Place(find_provider(provider), _assumed(model, assume))
    gates = _read_gates(fail_if, metrics, baseline, latency=latency, cpu=place.is_cpu)
    if runs < 1:
        raise UsageError(f"the number of runs is {runs}; it must be 1 or more")
    names = display_names(model, variants)
    paths = (model, *variants)
    customs = [load_metric(spec) for spec in metrics]
    measured = _measure(paths, data, place, customs, gates, batch, details, layers, progress, audit)
    timing = None
    if latency:
        timing = Timing(threads, (batch or 1) * measured.data.batch, runs, WARMUP, place.provider)
    latencies = measure_latencies(paths, place, measured.feeds, timing, progress)
    reports = [
        _variant_report(name, path, *parts)
        for name, path, *parts in zip(
            names,
            paths,
            measured.contents,
            measured.qualities,
            measured.fusions,
            measured.simulations,
            measured.details,
            latencies,
            measured.layers,
            strict=True,
        )
    ]
    result = Report(
        qconv=__version__,
        runtime=runtime_version(),
        cpu=cpu_name(),
        data=measured.data,
        class_output=measured.traits.class_output,
        timing=timing,
        reference=reports[0],
        variants=tuple(reports[1:]),
        command=command,
        versions=versions(),
        vnni=has_vnni(),
    )
    return judged(result, gates, baseline)


def _assumed(model: Path, assume: Mapping[str, str] | None) -> Feeds:
    from qconv.graph.assume import assumed_arrays
    from qconv.graph.model_io import read_model
    from qconv.graph.summary import input_specs

    if not assume:
        return {}
    return assumed_arrays(input_specs(read_model(model, weights=False)), assume, str(model))


def _read_gates(
    fail_if: Sequence[str],
    metrics: Sequence[str],
    baseline: Report | None,
    *,
    latency: bool,
    cpu: bool,
) -> list[Gate]:
    own = [custom_name(spec) for spec in metrics]
    check_custom_names(own)
    gates = read_gates(fail_if, own, baseline=baseline is not None)
    if not latency:
        require(gates, dict.fromkeys(LATENCY_METRICS, "latency is switched off"))
    if not cpu:
        reason = "which operators run in integers is known of the CPU provider only"
        require(gates, dict.fromkeys(FUSION_METRICS, reason))
    return gates


@dataclass(frozen=True)
class _Measured:
    """Everything but the latencies; the sessions that measured it are closed again."""

    data: DataSummary
    traits: Traits
    contents: tuple[Contents, ...]
    qualities: tuple[Quality, ...]
    fusions: tuple[FusionAudit | None, ...]
    simulations: tuple[Simulation | None, ...]
    details: tuple[Details, ...]
    feeds: tuple[Feeds, ...]
    layers: tuple[tuple[LayerError, ...], ...]


def _measure(
    paths: Sequence[Path],
    data: OpenData,
    place: Place,
    customs: Sequence[CustomMetric],
    gates: Sequence[Gate],
    batch: int | None,
    details: bool,
    layers: bool,
    progress: Progress,
    audit: Audit,
) -> _Measured:
    reference = place.open(paths[0], threads=1)
    halves = [_simulation(path, place) for path in paths[1:]]
    variants = [
        half.runner if half else place.open(path, threads=1)
        for path, half in zip(paths[1:], halves, strict=True)
    ]
    check_outputs(reference)
    for variant in variants:
        check_same_ports(reference, variant)
    specs = reference.specs
    opened = data(specs)
    source = bind(opened, reference.answer)
    first = first_samples(source, batch)
    if not first:
        raise DataError("the data holds no samples")
    traits = read_traits(reference, first[0], reference.run(first[0]))
    require(gates, traits.unmeasured)
    feeds = timed_feeds(first, specs, batch)
    complete = {**first[0].feeds, **place.assumed}
    contents = tuple(read_contents(path, complete, variant=path is not paths[0]) for path in paths)
    fusions = (None, *(audit(path) if place.is_cpu else None for path in paths[1:]))
    found = evaluate(reference, variants, opened, traits, metrics=customs, progress=progress)
    summary = _data_summary(source, traits, specs, found)
    simulations = (None, *(half.watch(source) if half else None for half in halves))
    looked_at = [Details() for _ in variants]
    if details:
        looked_at = read_details(paths[0], paths[1:], first, place.assumed)
    errors: list[tuple[LayerError, ...]] = [() for _ in paths]
    if layers:
        for index, path in enumerate(paths[1:], start=1):
            errors[index] = file_errors(paths[0], path, source, place.assumed, progress)
    return _Measured(
        summary,
        traits,
        contents,
        found.qualities,
        fusions,
        simulations,
        (Details(), *looked_at),
        feeds,
        tuple(errors),
    )


def _simulation(path: Path, place: Place) -> HalfSimulation | None:
    return HalfSimulation.of(path, place.assumed, 1) if place.is_cpu and path.is_file() else None


def _data_summary(
    source: Source, traits: Traits, specs: Sequence[TensorSpec], found: Evaluation
) -> DataSummary:
    inputs = tuple(InputSummary(spec.name, spec.dtype.name, spec.shape) for spec in specs)
    return DataSummary(len(source), traits.labels, traits.batch, inputs, found.sha256)


def _variant_report(
    name: str,
    path: Path,
    contents: Contents,
    quality: Quality,
    fusion: FusionAudit | None,
    simulation: Simulation | None,
    details: Details,
    latency: Latency | None,
    layers: tuple[LayerError, ...],
) -> VariantReport:
    return VariantReport(
        name=name,
        path=str(path),
        size_bytes=contents.size_bytes,
        accuracy=quality.accuracy,
        outputs=quality.outputs,
        latency=latency,
        fusion=fusion,
        custom=quality.custom,
        simulation=simulation,
        paired=quality.paired,
        coverage=contents.coverage,
        sha256=contents.sha256,
        origin=contents.origin,
        storage=contents.storage,
        kept_float=contents.kept_float,
        portability=contents.portability,
        ranges=details.ranges,
        histograms=details.histograms,
        layers=layers,
    )
