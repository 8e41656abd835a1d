"""Calibrate, convert, report and judge in one go, and again only what has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from qconv.errors import UsageError
from qconv.outputs import made_folder
from qconv.pipeline.chosen_data import chosen_data
from qconv.pipeline.model_run import ModelRun
from qconv.pipeline.models import models_in
from qconv.pipeline.repeated import Repeated
from qconv.pipeline.watcher import Watcher
from qconv.progress import Progress, no_progress
from qconv.recipe.file import read_recipe
from qconv.recipe.keywords import TASK_KEYWORDS
from qconv.recipe.options import OPTIONS
from qconv.recipe.resolve import Chosen, conversions
from qconv.recipe.settings import Int8Settings
from qconv.recipe.sources import ConvertSettings, ModelSettings, RunSettings
from qconv.recipe.tasks import TaskSettings
from qconv.reporting.judging import read_gates
from qconv.reporting.report_data import Report


def run(
    recipe: str | Path | Chosen = "qconv.toml",
    *,
    dry_run: bool = False,
    force: bool = False,
    watcher: Watcher | None = None,
    progress: Progress = no_progress,
) -> Sequence[Report]:
    """Do all that a recipe says, for each of its models, into one folder.

    What was made before is made again only where something that it depends on has changed: what
    files hold, a setting, the version of qconv or of the runtime. What a script of the user's
    imports or reads is not known.

    Args:
        recipe: a recipe file, or what was chosen.
        dry_run: only tell the watcher what would be done, and write nothing.
        force: replace files in the folder that are there and were not made by a run.
        watcher: is told what is done, and why.
        progress: shown over the samples.

    Returns:
        The report of each model, with its verdicts; none without test data, or in a dry run.

    Raises:
        UsageError: the recipe names no model, or says what does not go together.
        OutputError: a file is in the way.
        QconvError: see :func:`calibrate`, :func:`convert` and :func:`report`.
    """
    chosen = recipe if isinstance(recipe, Chosen) else read_recipe(Path(recipe))
    asked = chosen.build(RunSettings)
    if not asked.model:
        raise UsageError("`model` is needed: the float model")
    _require_gates(chosen, asked)
    settings = conversions(_learning(chosen))
    known = "data" in chosen or "calibration" in chosen
    if not known and Int8Settings in map(type, settings.values()):
        raise UsageError("`data` is needed: samples to calibrate on")
    models = models_in(asked.model)
    _require_own_names(models)
    if len(models) > 1 and chosen.build(ConvertSettings).calibration is not None:
        raise UsageError(f"`calibration` is for one model, but {len(models)} are given")
    with nullcontext() if dry_run else made_folder(asked.output):
        tasks = Repeated(asked.output, force=force)
        runs = [
            ModelRun(
                *(model, chosen, settings, tasks),
                watcher=watcher or Watcher(),
                progress=progress,
                dry_run=dry_run,
            )
            for model in models
        ]
        for each in () if dry_run else runs:
            each.require_free()
            if asked.test_data and not each.report_file.exists():
                _require_measurable(each.model, chosen)
        found = [each.run() for each in runs]
        if not dry_run:
            tasks.save()
    return [report for report in found if report is not None]


def _learning(chosen: Chosen) -> Chosen:
    """Return what conversions are told: images without data are those of the test data alone."""
    if "data" in chosen:
        return chosen
    return chosen.only(name for name in OPTIONS if OPTIONS[name].group != "Images")


def _require_gates(chosen: Chosen, asked: RunSettings) -> None:
    for name in ("fail_if", "metric", "test_samples", *TASK_KEYWORDS):
        if name in chosen and chosen.values[name] and not asked.test_data:
            raise UsageError(f"`{name}` needs `test_data`")
    chosen.build(TaskSettings)
    read_gates(asked.fail_if, [metric.rpartition(":")[2] for metric in asked.metric])


def _require_measurable(model: Path, chosen: Chosen) -> None:
    """Refuse test data and gates that do not fit a model, before the work for its first report."""
    from qconv.pipeline.comparison import require_measurable

    asked, given = chosen.build(RunSettings), chosen.build(ModelSettings)
    require_measurable(
        model,
        data=chosen_data(chosen.for_tests(), model),
        fail_if=asked.fail_if,
        metrics=asked.metric,
        assume=given.constants,
        latency=asked.latency,
        settings=chosen.build(TaskSettings),
        custom_ops=given.custom_ops,
    )


def _require_own_names(models: Sequence[Path]) -> None:
    name, count = Counter(model.stem for model in models).most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"{count} models are named '{name}', so their files would replace each other"
        )
