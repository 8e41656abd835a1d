"""The best file that holds a goal, found by measuring."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from qconv.conversions.plan_file import PlanFile
from qconv.conversions.workbench import Form, Forms, Workbench
from qconv.data import LoopData, Source, TensorSpec
from qconv.data.loops import OpenData
from qconv.data.parts import Part
from qconv.errors import UsageError
from qconv.evaluation.custom import custom_name, metric_scripts
from qconv.outputs import Reads, check_output, check_text_output
from qconv.pipeline.arguments import Assume, Data, opener
from qconv.pipeline.exploring import Effect
from qconv.pipeline.goal import Goal
from qconv.pipeline.keeping import Keeper, Kept
from qconv.pipeline.kinds import OtherKinds, Tried
from qconv.pipeline.reads import ReadFiles
from qconv.pipeline.search_context import SearchContext
from qconv.pipeline.searching import Search, subject
from qconv.pipeline.starting import start_search
from qconv.pipeline.trials import Trials
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.printable import printable
from qconv.progress import Progress, no_progress
from qconv.recipe.settings import Effort, Int8Settings, Settings
from qconv.reporting.contents import FoundKind, FoundLayer, FoundPlan, SearchReport
from qconv.reporting.judging import read_gates
from qconv.reporting.report_data import Report
from qconv.runtime.libraries import custom_operators
from qconv.search.front import Point
from qconv.search.loss import decibels

_HELD = 50
_MOST_APART = 4
"""Samples that are held out from calibration, to judge gates on: half of all, as long as these are
not more than 50, and at least every fourth."""
_UNGATED = 8
"""Every so many are held out where there is no gate, and the verdict alone needs them."""
_LEAST = 8


@dataclass(frozen=True)
class Tuned:
    """What a search has found.

    Attributes:
        path: the file.
        settings: those that it was made with: not always static INT8.
        forms: its layers that are not INT8.
        size: bytes of the file and its external data.
        fast: whether it is as fast as the goal asks for.
        front: the plans that no other one beats, as far as they were measured.
        effects: what each layer loses alone, the largest loss first.
        kinds: files that are not static INT8, as they were measured.
        plan: the choices, to be made again.
        verdict: of the samples that were held out from calibration, or of the test data.
        trials: how many models were measured, with those of an earlier search.
        made: how many were measured now.
    """

    path: Path
    settings: Settings
    forms: Forms
    size: int
    fast: bool
    front: tuple[Point, ...]
    effects: tuple[Effect, ...]
    kinds: tuple[Tried, ...]
    plan: PlanFile
    verdict: Report
    trials: int
    made: int

    def __repr__(self) -> str:
        measured = f"{self.trials} models measured, {len(self.front)} that no other one beats"
        return f"<Tuned {printable(str(self.path))}: {measured}; {self.verdict!r}>"


@told_by_runtime("model")
def tune(
    model: str | Path,
    output: str | Path,
    *,
    data: Data,
    goal: Goal,
    test: Data | None = None,
    effort: Effort = "best",
    max_time: float = math.inf,
    resume: bool = False,
    assume: Assume | None = None,
    custom_ops: Sequence[str | Path] = (),
    force: bool = False,
    progress: Progress = no_progress,
    **options: object,
) -> Tuned:
    """Write the file that is best among those that hold a goal.

    It is one of static INT8, some of whose layers are float or have weights of four bits, or one
    whose inputs are quantized at run time, or whose weights alone are.

    A part of the data calibrates, and files are judged on the rest: with gates that is half of 100
    samples or fewer, and a quarter of 200 or more; without gates an eighth. At each moment the best
    file so far is there, whole. What was measured is kept beside it, as ``OUTPUT.trials.json``.

    Args:
        model: the float model.
        output: the file to write.
        data: samples.
        goal: what to look for.
        test: other samples, which only the last verdict sees.
        effort: how weights are rounded, as in :func:`convert`; ``best`` rounds in sequence where
            less does not do.
        max_time: seconds after which nothing more is measured.
        resume: whether to use what an earlier search has measured.
        assume: inputs to fix to constants, see :func:`calibrate`.
        custom_ops: libraries of operators, see :func:`calibrate`.
        force: replace an output that exists.
        progress: shown over what takes long.
        options: how both data are read, see :func:`calibrate`.

    Raises:
        UsageError: the goal names a metric that is not measured, or there are too few samples.
        ModelError, DataError, OutputError, UnsupportedError, NothingQuantized: see
            :func:`convert`.
    """
    begin, path = time.monotonic(), Path(output)
    own = path.with_name(f"{path.name}.trials.json")
    opened = opener(data, Path(model), options)
    tested = None if test is None else opener(test, Path(model), options)
    reads = read_files(Path(model), goal, opened, tested, custom_ops)
    check_output(path, force=force, reads=reads)
    check_text_output(own, reads)
    read_gates(goal.fail_if, [custom_name(spec) for spec in goal.metrics])
    known, held = _parts(opened, gated=bool(goal.fail_if))
    with custom_operators(custom_ops):
        started = start_search(Path(model), known, effort, assume, progress)
        bench = Workbench(started.work, started.kind)
        trials = Trials(bench, own, subject(started, bench), resume=resume)
        keeper = Keeper(path, goal, held, assume=assume, force=force)
        context = SearchContext(
            *(started, bench, trials, goal, keeper),
            deadline=begin + max_time,
            progress=progress,
        )
        search, others = Search(context, in_sequence=effort == "best"), OtherKinds(context, assume)
        front: list[Point] = []
        effects: list[Effect] = []
        try:
            if not search.begin():
                others.offer()
                if search.may_beat(keeper.best):
                    front = search.run()
                    others.offer_again()
                    effects = search.explorer.effects(search.explorer.units, "looking at layers")
        finally:
            trials.write()
        best = keeper.best
        if tested is not None:
            best = replace(best, verdict=keeper.judged(Path(model), path, tested))
    effects.sort(key=lambda each: (each.sqnr, each.layers))
    verdict = replace(best.verdict, search=_told(goal, best, front, effects, others.tried))
    return Tuned(
        path,
        settings=best.settings,
        forms=best.forms,
        size=best.size,
        fast=best.fast,
        front=tuple(front),
        effects=tuple(effects),
        kinds=tuple(others.tried),
        plan=PlanFile.of(started.loaded.fingerprint, ORT_CPU.name, best.settings, best.forms),
        verdict=verdict,
        trials=trials.count,
        made=trials.made,
    )


def _told(
    goal: Goal,
    best: Kept,
    front: Sequence[Point],
    effects: Sequence[Effect],
    others: Sequence[Tried],
) -> SearchReport | None:
    """Return what a report says of a search; None where INT8 alone held the goal."""
    if not front and not others:
        return None
    timed = goal.form is Form.FLOAT
    static = isinstance(best.settings, Int8Settings)
    also = [best.point] if static and math.isfinite(best.point.cost + best.point.loss) else []
    points = {point.dear: point for point in (*also, *front)}
    plans = [
        FoundPlan(
            speedup=1 / point.cost if timed else None,
            size_bytes=None if timed else round(point.cost),
            sqnr_db=decibels(point.loss),
            layers=len(point.dear),
            chosen=static and point.dear == best.point.dear,
        )
        for point in sorted(points.values(), key=lambda each: each.cost)
    ]
    layers = [FoundLayer(", ".join(e.layers), e.sqnr, e.cost) for e in effects]
    kinds = [
        FoundKind(
            name=each.name,
            speedup=1 / each.slowness,
            size_bytes=each.kept.size,
            sqnr_db=each.kept.typical,
            holds=each.kept.holds,
            chosen=each.is_file(best.settings),
        )
        for each in others
    ]
    return SearchReport(
        *(goal.objective, goal.form.value), tuple(plans), tuple(layers), tuple(kinds)
    )


def read_files(
    model: Path, goal: Goal, data: OpenData, test: OpenData | None, custom_ops: Sequence[str | Path]
) -> Reads:
    """Return the files that a search reads, none of which may change."""
    scripts = [("the script of a metric", script) for script in metric_scripts(goal.metrics)]
    boxes = [("what reads boxes", file) for file in goal.settings.files]
    found = ReadFiles([("the float model", model)], [*scripts, *boxes], data, custom_ops)
    return found if test is None else (*found, *ReadFiles(data=test))


def _parts(data: OpenData, *, gated: bool) -> tuple[OpenData, OpenData]:
    """Return what opens the samples that calibrate, and those that are held out."""

    def opened(inputs: Sequence[TensorSpec]) -> Source:
        source = data(inputs)
        if isinstance(source, LoopData):
            raise UsageError(
                "a search reads samples in any order; these come from a loop that runs the model",
                hint="save what the loop feeds as .npz files",
            )
        if len(source) < _LEAST:
            raise UsageError(
                f"a search needs at least {_LEAST} samples, but there are {len(source)}"
            )
        return source

    def part(inputs: Sequence[TensorSpec], *, held: bool) -> Source:
        source = opened(inputs)
        step = min(max(len(source) // _HELD, 2), _MOST_APART) if gated else _UNGATED
        return Part(source, [i for i in range(len(source)) if ((i + 1) % step == 0) == held])

    return partial(part, held=False), partial(part, held=True)
