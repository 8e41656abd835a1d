"""The whole of ``qconv report``: model variants beside their float model, measured and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from qconv.data.loops import OpenData
from qconv.data.source import Feeds
from qconv.errors import UsageError
from qconv.evaluation.custom import check_custom_names, custom_name, load_metric
from qconv.evaluation.lineup import Lineup
from qconv.evaluation.measured import Audit, measure
from qconv.evaluation.naming import display_names
from qconv.evaluation.operator_times import profile_models
from qconv.evaluation.timing import WARMUP, measure_latencies, timed_feeds
from qconv.progress import Progress, no_progress
from qconv.recipe.tasks import TaskSettings
from qconv.reporting.catalog import ENERGY_METRICS, FUSION_METRICS, LATENCY_METRICS
from qconv.reporting.contents import FusionAudit
from qconv.reporting.gates import Gate, require
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_data import Report
from qconv.reporting.runs import Timing
from qconv.runtime.machine import cpu_name, has_vnni, runtime_version, versions
from qconv.runtime.runner import Place
from qconv.runtime.session import CPU, find_provider
from qconv.version import __version__

DEFAULT_RUNS = 50
Undecided = Literal["fail", "pass"]


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
    undecided: Undecided = "fail",
    metrics: Sequence[str] = (),
    assume: Mapping[str, str] | None = None,
    threads: int | None = 1,
    runs: int = DEFAULT_RUNS,
    batch: int | None = None,
    provider: str = CPU,
    latency: bool = True,
    profile: bool = True,
    settings: TaskSettings = TaskSettings(),  # noqa: B008 - frozen
    details: bool = False,
    layers: bool = False,
    command: str | None = None,
    progress: Progress = no_progress,
    audit: Audit = _audit_fusion,
    calibrated: Callable[[Sequence[str]], int] | None = None,
) -> Report:
    """Compare variants with their float model, and judge them by gates.

    Args:
        model: the float model.
        variants: models with the same inputs and outputs.
        data: opens the samples for the model's inputs.
        fail_if: gates; one fails where its expression is true.
        baseline: an earlier report, which gates call ``baseline``.
        undecided: what a gate does that the machine was too noisy to decide.
        metrics: the user's metric functions, each as ``script.py:function``.
        assume: inputs that the data need not hold, see :func:`qconv.graph.assume.assumed_arrays`;
            a variant may lack them.
        threads: threads of the timed inferences; None leaves the choice to the runtime.
        runs: timed inferences of each model.
        batch: samples that a timed inference takes; None: as the data has them.
        provider: the runtime's execution provider, for accuracy and latency.
        latency: whether to time at all.
        profile: whether to tell the time by operator of what is timed.
        settings: what outputs hold, and what the model is for.
        details: whether to look at weights and activations one by one, as the plots need it.
        layers: whether to tell the error of each quantized value, on the first samples.
        command: the command line, for the report to tell.
        progress: shown over samples and timed rounds.
        audit: finds which quantized operators of a file run in integers on the CPU.
        calibrated: tells how many samples were calibrated on, from digests of what they hold.

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
    paths = (model, *variants)
    names = display_names(model, variants)
    customs = [load_metric(spec) for spec in metrics]
    lineup = Lineup.open(names, paths, place, data, batch=batch, settings=settings)
    require(gates, lineup.traits.unmeasured)
    feeds = timed_feeds(lineup.first, lineup.specs, batch)
    measured = measure(lineup, customs, audit, details=details, layers=layers, progress=progress)
    class_output = lineup.traits.class_output
    del lineup  # sessions that are open take memory from those that are timed
    timing = None
    if latency:
        timing = Timing(threads, (batch or 1) * measured.data.batch, runs, WARMUP, place.provider)
    latencies = measure_latencies(paths, place, feeds, timing, progress)
    timed = latencies if profile else (None,) * len(latencies)
    profiles = profile_models(paths, place, feeds, threads, timed, progress=progress)
    reports = [
        model.told(its_latency, its_profile)
        for model, its_latency, its_profile in zip(
            measured.models, latencies, profiles, strict=True
        )
    ]
    result = Report(
        qconv=__version__,
        runtime=runtime_version(),
        cpu=cpu_name(),
        data=measured.data
        if calibrated is None
        else replace(measured.data, calibrated=calibrated(measured.contents)),
        class_output=class_output,
        timing=timing,
        reference=reports[0],
        variants=tuple(reports[1:]),
        command=command,
        versions=versions(),
        vnni=has_vnni(),
        task=settings.task,
    )
    return judged(result, gates, baseline, undecided_fails=undecided == "fail")


def require_measurable(
    model: Path,
    *,
    data: OpenData,
    fail_if: Sequence[str],
    metrics: Sequence[str] = (),
    assume: Mapping[str, str] | None = None,
    latency: bool = True,
    settings: TaskSettings,
) -> None:
    """Refuse what :func:`report` would refuse, before there are variants: it runs one sample.

    Raises:
        QconvError: see :func:`report`.
    """
    place = Place(find_provider("CPUExecutionProvider"), _assumed(model, assume))
    gates = _read_gates(fail_if, metrics, None, latency=latency, cpu=place.is_cpu)
    for spec in metrics:
        load_metric(spec)
    lineup = Lineup.open([model.name], [model], place, data, batch=None, settings=settings)
    require(gates, lineup.traits.unmeasured)


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
        reason = "which operators run in integers is known only for the CPU provider"
        require(gates, dict.fromkeys((*FUSION_METRICS, *ENERGY_METRICS), reason))
    return gates
