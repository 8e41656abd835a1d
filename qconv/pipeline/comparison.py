"""Variants beside their float model, and any two models beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qconv.calibration.record import Record
from qconv.calibration.record_file import read_record
from qconv.data.loops import OpenData
from qconv.evaluation.compare_models import DEFAULT_SQNR
from qconv.evaluation.compare_models import compare as _compare
from qconv.evaluation.whole_report import Undecided
from qconv.evaluation.whole_report import report as _report
from qconv.evaluation.whole_report import require_measurable as _require_measurable
from qconv.graph.model_io import model_fingerprint
from qconv.pipeline.arguments import Assume, Data, opener, written
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.progress import Progress, no_progress
from qconv.recipe.keywords import TASK_KEYWORDS, from_keywords
from qconv.recipe.tasks import TaskSettings
from qconv.reporting.model_comparison import Comparison
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import read_report
from qconv.runtime.libraries import custom_operators


@told_by_runtime("model", "variants")
def report(
    model: str | Path,
    variants: Sequence[str | Path],
    *,
    data: Data,
    fail_if: Sequence[str] = (),
    baseline: Report | str | Path | None = None,
    undecided: Undecided = "fail",
    metrics: Sequence[str] = (),
    assume: Assume | None = None,
    threads: int | None = 1,
    runs: int = 50,
    batch: int | None = None,
    provider: str = "CPUExecutionProvider",
    latency: bool = True,
    profile: bool = True,
    settings: TaskSettings | None = None,
    details: bool = False,
    layers: bool = False,
    command: str | None = None,
    calibration: Record | str | Path | None = None,
    custom_ops: Sequence[str | Path] = (),
    progress: Progress = no_progress,
    **options: object,
) -> Report:
    """Compare variants with their float model and judge them by gates.

    The arguments are those of :func:`qconv.evaluation.whole_report.report`, with data, assumptions,
    libraries of operators and ``options`` of data as in :func:`calibrate`. The baseline may be the
    path of a JSON report. ``calibration``, a record or the path of one, lets the report tell
    samples that were calibrated on. What outputs hold, and what the model is for, may be among the
    options, ``task="boxes"``, in the place of ``settings``.
    """
    if isinstance(calibration, str | Path):
        label, calibration = str(calibration), read_record(Path(calibration))
        calibration.require_model(model_fingerprint(Path(model)), label, calibration.assumptions)
    of_task = {name: value for name, value in options.items() if name in TASK_KEYWORDS}
    of_data = {name: value for name, value in options.items() if name not in TASK_KEYWORDS}
    opened = opener(data, Path(model), of_data)
    if settings is None or of_task:
        settings = from_keywords(of_task, TASK_KEYWORDS).build(TaskSettings)
    if isinstance(baseline, str | Path):
        baseline = read_report(Path(baseline))
    with custom_operators(custom_ops):
        return _report(
            Path(model),
            [Path(variant) for variant in variants],
            data=opened,
            fail_if=fail_if,
            baseline=baseline,
            undecided=undecided,
            metrics=metrics,
            assume=written(assume),
            threads=threads,
            runs=runs,
            batch=batch,
            provider=provider,
            latency=latency,
            profile=profile,
            settings=settings,
            details=details,
            layers=layers,
            command=command,
            progress=progress,
            calibrated=None if calibration is None else calibration.has,
        )


@told_by_runtime("model")
def require_measurable(
    model: Path,
    *,
    data: OpenData,
    fail_if: Sequence[str],
    metrics: Sequence[str],
    assume: Assume | None,
    latency: bool,
    settings: TaskSettings,
    custom_ops: Sequence[str | Path],
) -> None:
    """Refuse what :func:`report` would refuse of the model, the data and the gates, by one sample.

    Raises:
        QconvError: see :func:`qconv.evaluation.whole_report.report`.
    """
    with custom_operators(custom_ops):
        _require_measurable(
            model,
            data=data,
            fail_if=fail_if,
            metrics=metrics,
            assume=written(assume),
            latency=latency,
            settings=settings,
        )


@told_by_runtime("first", "second")
def compare(
    first: str | Path,
    second: str | Path,
    *,
    data: Data,
    part_below: float = DEFAULT_SQNR,
    custom_ops: Sequence[str | Path] = (),
    progress: Progress = no_progress,
    **options: object,
) -> Comparison:
    """Compare what two models give and compute.

    See :func:`qconv.evaluation.compare_models.compare`; ``options`` of data are as in
    :func:`calibrate`.
    """
    opened = opener(data, Path(first), options)
    with custom_operators(custom_ops):
        return _compare(
            Path(first), Path(second), data=opened, part_below=part_below, progress=progress
        )
