"""The whole of ``qconv report``: model variants beside their float model, measured and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from qconv import __version__
from qconv.data.loops import LoopData, bind
from qconv.data.source import Feeds, Source, TensorSpec
from qconv.errors import DataError, UnsupportedError, UsageError
from qconv.evaluation.custom import CustomMetric, check_custom_names, custom_name, load_metric
from qconv.evaluation.evaluate import Quality, evaluate
from qconv.evaluation.naming import display_names
from qconv.evaluation.simulation import HalfSimulation
from qconv.evaluation.traits import Traits, read_traits
from qconv.progress import Progress, no_progress
from qconv.reporting.catalog import LATENCY_METRICS
from qconv.reporting.gates import Gate, require
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.record import (
    DataSummary,
    FusionAudit,
    InputSummary,
    Latency,
    Report,
    Simulation,
    Timing,
    VariantReport,
)
from qconv.runtime.latency import Session, measure_latency
from qconv.runtime.machine import cpu_name, runtime_version
from qconv.runtime.runner import FittedSession, Runner, check_outputs, check_same_ports

OpenData = Callable[[Sequence[TensorSpec]], Source | LoopData]
Audit = Callable[[Path], FusionAudit]

DEFAULT_RUNS = 50
WARMUP = 5
_LATENCY_FEEDS = 8


def _audit_fusion(path: Path) -> FusionAudit:
    from qconv.runtime.audit import audit_fusion

    return audit_fusion(path)


def report(
    model: Path,
    variants: Sequence[Path],
    *,
    data: OpenData,
    fail_if: Sequence[str] = (),
    metrics: Sequence[str] = (),
    assume: Mapping[str, str] | None = None,
    threads: int | None = 1,
    runs: int = DEFAULT_RUNS,
    latency: bool = True,
    progress: Progress = no_progress,
    audit: Audit = _audit_fusion,
) -> Report:
    """Compare variants with their float model, and judge them by gates.

    Args:
        model: the float model.
        variants: models with the same inputs and outputs.
        data: opens the samples for the model's inputs.
        fail_if: gates; one fails where its expression is true.
        metrics: the user's metric functions, each as ``script.py:function``.
        assume: inputs that the data need not hold, see :func:`qconv.graph.assume.assumed_arrays`;
            a variant may lack them.
        threads: threads of the timed inferences; None leaves the choice to the runtime.
        runs: timed inferences of each model.
        latency: whether to time at all.
        progress: shown over samples and timed rounds.
        audit: finds which quantized operators of a file run in integers.

    Raises:
        UsageError: a gate or metric is wrong, or needs what is not measured here.
        ModelError: a model is missing, cannot be loaded or run, or differs in inputs or outputs.
        DataError: the data does not fit the model, or a metric function fails.
        UnsupportedError: the runtime cannot run a model.
    """
    gates = _read_gates(fail_if, metrics, latency=latency)
    if runs < 1:
        raise UsageError(f"the number of runs is {runs}; it must be 1 or more")
    names = display_names(model, variants)
    paths = (model, *variants)
    customs = [load_metric(spec) for spec in metrics]
    assumed = _assumed(model, assume)
    measured = _measure_quality(paths, data, assumed, customs, gates, progress, audit)
    timing = Timing(threads, measured.data.batch, runs, WARMUP) if latency else None
    latencies = _measure_latencies(paths, assumed, measured.feeds, timing, progress)
    reports = [
        _variant_report(name, path, quality, fusion, simulation, time)
        for name, path, quality, fusion, simulation, time in zip(
            names,
            paths,
            measured.qualities,
            measured.fusions,
            measured.simulations,
            latencies,
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
    )
    return judged(result, gates)


def _assumed(model: Path, assume: Mapping[str, str] | None) -> Feeds:
    from qconv.graph.assume import assumed_arrays
    from qconv.graph.model_io import read_model
    from qconv.graph.summary import input_specs

    if not assume:
        return {}
    return assumed_arrays(input_specs(read_model(model, weights=False)), assume, str(model))


def _read_gates(fail_if: Sequence[str], metrics: Sequence[str], *, latency: bool) -> list[Gate]:
    own = [custom_name(spec) for spec in metrics]
    check_custom_names(own)
    gates = read_gates(fail_if, own)
    if not latency:
        require(gates, dict.fromkeys(LATENCY_METRICS, "latency is switched off"))
    return gates


@dataclass(frozen=True)
class _Measured:
    """Everything but the latencies; the sessions that measured it are closed again."""

    data: DataSummary
    traits: Traits
    qualities: tuple[Quality, ...]
    fusions: tuple[FusionAudit | None, ...]
    simulations: tuple[Simulation | None, ...]
    feeds: tuple[Feeds, ...]


def _measure_quality(
    paths: Sequence[Path],
    data: OpenData,
    assumed: Feeds,
    customs: Sequence[CustomMetric],
    gates: Sequence[Gate],
    progress: Progress,
    audit: Audit,
) -> _Measured:
    reference = Runner.open(paths[0], threads=None, assumed=assumed)
    halves = [_simulation(path, assumed) for path in paths[1:]]
    variants = [
        Runner.open(path, threads=None, assumed=assumed) if half is None else half.runner
        for path, half in zip(paths[1:], halves, strict=True)
    ]
    check_outputs(reference)
    for variant in variants:
        check_same_ports(reference, variant)
    specs = reference.specs
    opened = data(specs)
    source = bind(opened, reference.answer)
    first = list(islice(source, _LATENCY_FEEDS))
    if not first:
        raise DataError("the data holds no samples")
    traits = read_traits(reference, first[0], reference.run(first[0]))
    require(gates, traits.unmeasured)
    fusions = (None, *(audit(path) for path in paths[1:]))
    qualities = evaluate(reference, variants, opened, traits, metrics=customs, progress=progress)
    summary = DataSummary(len(source), traits.labels, traits.batch, _summaries(specs))
    feeds = tuple(sample.feeds for sample in first)
    simulations = (None, *(None if half is None else half.watch(source) for half in halves))
    return _Measured(summary, traits, qualities, fusions, simulations, feeds)


def _measure_latencies(
    paths: Sequence[Path],
    assumed: Feeds,
    feeds: Sequence[Feeds],
    timing: Timing | None,
    progress: Progress,
) -> tuple[Latency | None, ...]:
    if timing is None:
        return (None,) * len(paths)
    sessions = [_timed(path, timing.threads, assumed) for path in paths]
    running = [session for session in sessions if session is not None]
    measured = iter(measure_latency(running, feeds, timing.runs, timing.warmup, progress=progress))
    return tuple(None if session is None else next(measured) for session in sessions)


def _simulation(path: Path, assumed: Feeds) -> HalfSimulation | None:
    return HalfSimulation.of(path, assumed) if path.is_file() else None


def _timed(path: Path, threads: int | None, assumed: Feeds) -> Session | None:
    """Return what is timed; None where the runtime has no kernels, as for bfloat16."""
    try:
        return FittedSession(Runner.open(path, threads=threads, assumed=assumed))
    except UnsupportedError:
        return None


def _variant_report(
    name: str,
    path: Path,
    quality: Quality,
    fusion: FusionAudit | None,
    simulation: Simulation | None,
    latency: Latency | None,
) -> VariantReport:
    from qconv.graph.model_io import model_bytes

    return VariantReport(
        name=name,
        path=str(path),
        size_bytes=model_bytes(path),
        accuracy=quality.accuracy,
        outputs=quality.outputs,
        latency=latency,
        fusion=fusion,
        custom=quality.custom,
        simulation=simulation,
    )


def _summaries(specs: Sequence[TensorSpec]) -> tuple[InputSummary, ...]:
    return tuple(InputSummary(spec.name, spec.dtype.name, spec.shape) for spec in specs)
