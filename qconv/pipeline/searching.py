"""One search: candidates are written, judged on samples held out, and the best one is kept."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

from qconv.calibration.record import Record, record_hash
from qconv.conversions.plan_file import PlanFile
from qconv.conversions.workbench import Form, Forms, Workbench
from qconv.data.loops import OpenData
from qconv.errors import NothingQuantized
from qconv.evaluation.coverage import layer_macs
from qconv.outputs import staged
from qconv.pipeline.arguments import Assume
from qconv.pipeline.comparison import report
from qconv.pipeline.exploring import Explorer
from qconv.pipeline.goal import Goal
from qconv.pipeline.starting import Started
from qconv.pipeline.writing import write
from qconv.recipe.settings import Effort, Int8Settings, Settings
from qconv.reporting.catalog import LATENCY_METRICS
from qconv.reporting.report_data import Report
from qconv.search.front import Point, best_within, cheapest, pareto_front
from qconv.temporary import temporary_folder
from qconv.version import __version__

_ROUNDS = 2
_CONFIRMED = 2
"""So many of the plans that lose less must hold the gates, too."""


class Search:
    """Keeps the best file so far at its place.

    Args:
        started: a conversion of which no step is done.
        path: the file to write.
        goal: what to look for.
        held: opens the samples that files are judged on.
        effort: ``best`` rounds in sequence where less does not do.
        deadline: when to write no further file but one that is needed, on the clock of
            :func:`time.monotonic`.
        assume: inputs that are fixed to constants.
        force: whether a file of somebody else may be replaced.
    """

    def __init__(
        self,
        started: Started,
        path: Path,
        *,
        goal: Goal,
        held: OpenData,
        effort: Effort,
        deadline: float = math.inf,
        assume: Assume | None,
        force: bool,
    ) -> None:
        self.bench = Workbench(started.work, started.kind)
        self._started = started
        self._path, self._goal, self._held = path, goal, held
        self._best, self._assume, self._force = effort == "best", assume, force
        self._deadline = deadline
        self._rank: tuple[bool, float, float] | None = None
        self._point = Point(frozenset(), math.inf, math.inf)
        self._in_sequence = False
        self._size = 0
        self._made: Settings = self.settings
        self.forms: Forms = {}
        """Of the file at its place."""
        self.verdict: Report | None = None
        """On the file at its place."""

    @property
    def subject(self) -> str:
        """A hash of what measured numbers depend on."""
        fingerprint, record = self._started.loaded.fingerprint, record_hash(self._record)
        made = [__version__, fingerprint, record, asdict(self.settings)]
        return hashlib.sha256(json.dumps(made).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the file whose layers are all INT8."""
        return self._size

    @property
    def settings(self) -> Int8Settings:
        """The settings with what was chosen on the way."""
        settings = self.bench.work.settings
        if not isinstance(settings, Int8Settings):
            raise TypeError("a search is one of static INT8")
        return settings

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """The shares of multiplications of the layers."""
        feeds = next(iter(self._record.feeds.values()))
        macs = layer_macs(self.bench.work.model, feeds) or {}
        numbers = {name: macs.get(name, 0 if macs else 1) for name in self.bench.layers}
        total = sum(numbers.values())
        return {name: number / max(1, total) for name, number in numbers.items()}

    @property
    def _record(self) -> Record:
        record = self.bench.work.record
        if record is None:
            raise ValueError("a search has data, and so a record")
        return record

    def plan_file(self) -> PlanFile:
        """Return the choices of the file at its place."""
        target = self.bench.work.plan.target.name
        fingerprint = self._started.loaded.fingerprint
        if not isinstance(self._made, Int8Settings):
            raise TypeError("a search is one of static INT8")
        return PlanFile.of(fingerprint, target, self._made, self.forms)

    def begin(self) -> bool:
        """Write the file whose layers are all INT8, and return whether it holds the gates."""
        cheapest = Point(frozenset(), -math.inf, math.inf)
        passed = self._candidate({}, cheapest)
        self._size = self._path.stat().st_size
        if passed and self._goal.form is Form.FOUR_BITS:
            self._rank = (True, -float(self._size), -math.inf)
        if not passed and self._polishes and self._goal.objective == "speed":
            passed = self._candidate({}, cheapest, in_sequence=True)
        return passed

    def run(self, explorer: Explorer) -> list[Point]:
        """Measure plans, keep the best that holds the goal, and return the front."""
        budget = self._goal.budget
        limits = [budget] if math.isfinite(budget) else []
        front = explorer.front(limits)
        for most in limits * _ROUNDS:
            best = best_within(front, most)
            if best is not None:
                front = pareto_front([*front, *explorer.around(best, most)])
        allowed = [point for point in front if point.cost <= budget] or front[:1]
        if self._goal.fail_if and self._goal.objective != "accuracy":
            best = self._cheapest(explorer, allowed)
            if best is not None:
                self._settle(explorer.forms(best.dear), best)
                self._polish_cheaper(explorer, allowed, best)
            if self._rank is not None and self._rank[0]:
                return front
        for point in sorted(allowed, key=lambda each: each.loss):
            if self._goal.objective == "speed":
                self._candidate(explorer.forms(point.dear), point)
                break
            self._settle(explorer.forms(point.dear), point)
            if self._path.stat().st_size <= self._goal.most_bytes:
                break
        if self._polishes:
            self._candidate(self.forms, self._point, in_sequence=True)
        return front

    def judge_again(self, test: OpenData) -> None:
        """Set the verdict of other samples on the file at its place."""
        self.verdict = self._judged(self._path, test)

    @property
    def chosen(self) -> Point:
        """The plan of the file at its place."""
        return self._point

    @property
    def _polishes(self) -> bool:
        """Whether there is time to round in sequence, and that is wanted."""
        return self._best and not self._late

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    def _cheapest(self, explorer: Explorer, front: list[Point]) -> Point | None:
        def passes(point: Point) -> bool:
            return not self._late and self._candidate(explorer.forms(point.dear), point)

        return cheapest(front, passes, _CONFIRMED)

    def _polish_cheaper(self, explorer: Explorer, front: list[Point], best: Point) -> None:
        """Look for a cheaper plan that holds the gates once its layers are rounded in sequence."""
        if not self._polishes:
            return
        held = {best.dear: True, frozenset[str](): False}

        def passes(point: Point) -> bool:
            if point.dear not in held:
                forms = explorer.forms(point.dear)
                held[point.dear] = self._polishes and self._candidate(
                    forms, point, in_sequence=True
                )
            return held[point.dear]

        found = cheapest([point for point in front if point.cost <= best.cost], passes, 1)
        if found is not None:
            self._settle(explorer.forms(found.dear), found, in_sequence=True)

    def _settle(self, forms: Forms, point: Point, *, in_sequence: bool = False) -> None:
        """Put a file at its place, unless the same is there, rounded better."""
        if forms != self.forms:
            self._rank = None
        if self._rank is None or in_sequence != self._in_sequence:
            self._candidate(forms, point, in_sequence=in_sequence)

    def _candidate(self, forms: Forms, point: Point, *, in_sequence: bool = False) -> bool:
        """Write a file, judge it, and keep it if it is no worse than the one at its place.

        Files that hold the gates are better than others, and the cheaper the better. Of others,
        and of the files of one plan, the better ones lose less on samples that calibrated.
        """
        with temporary_folder(f".{self._path.name}.", self._path.parent) as outer:
            folder = outer / "candidate"
            folder.mkdir()
            file = folder / self._path.name
            try:
                work = self.bench.result(forms, in_sequence=in_sequence)
            except NothingQuantized:
                return False
            judged = write(replace(self._started, work=work), file).judgement
            verdict = self._judged(file, self._held)
            passed = verdict.exit_code == 0
            typical = -math.inf if judged is None else judged.typical
            rank = (passed, -point.cost if passed else typical, typical)
            if self._rank is None or rank >= self._rank:
                self._commit(folder)
                self._rank, self._point, self._in_sequence = rank, point, in_sequence
                self.forms, self.verdict, self._made = forms, verdict, work.settings
            return passed

    def _commit(self, folder: Path) -> None:
        with staged(self._path, force=self._force, model=True) as temporary:
            for file in folder.iterdir():
                shutil.copyfile(file, temporary.parent / file.name)
        self._force = True

    def _judged(self, file: Path, data: OpenData) -> Report:
        gates = self._goal.gates
        timed = any(name in text for name in LATENCY_METRICS for text in gates)
        return report(
            self._started.loaded.path,
            [file],
            data=data,
            fail_if=gates,
            metrics=self._goal.metrics,
            assume=self._assume,
            latency=timed,
        )
