"""One search: candidates are written, judged on samples held out, and the best one is kept."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

from qconv.calibration.record import Record, record_hash
from qconv.conversions.plan_file import PlanFile
from qconv.conversions.static import StaticInt8
from qconv.conversions.workbench import Forms, Workbench
from qconv.data.loops import OpenData
from qconv.errors import NothingQuantized
from qconv.evaluation.coverage import layer_macs
from qconv.outputs import staged
from qconv.pipeline.arguments import Assume
from qconv.pipeline.comparison import report
from qconv.pipeline.conversion import convert, plan
from qconv.pipeline.exploring import Explorer
from qconv.pipeline.goal import Goal
from qconv.pipeline.starting import Started
from qconv.pipeline.writing import write
from qconv.recipe.settings import Int8Settings
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
        kind: which one.
        path: the file to write.
        goal: what to look for.
        held: opens the samples that files are judged on.
        assume: inputs that are fixed to constants.
        force: whether a file of somebody else may be replaced.
    """

    def __init__(
        self,
        started: Started,
        kind: StaticInt8,
        path: Path,
        *,
        goal: Goal,
        held: OpenData,
        assume: Assume | None,
        force: bool,
    ) -> None:
        self.bench = Workbench(started.work, kind)
        self._started = started
        self._path, self._goal, self._held = path, goal, held
        self._assume, self._force = assume, force
        self._rank: tuple[bool, float] | None = None
        self._passed: dict[frozenset[str], bool] = {}
        self._size = 0
        self._made: Int8Settings | None = None
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
        return PlanFile.of(fingerprint, target, self._made or self.settings, self.forms)

    def begin(self) -> bool:
        """Write the file whose layers are all INT8, and return whether it holds the gates."""
        passed = self._candidate({}, Point(frozenset(), math.inf, math.inf))
        self._size = self._path.stat().st_size
        if passed:
            self._rank = (True, -float(self._size))
        return passed

    def begin_in_sequence(self) -> bool:
        """Round all layers in sequence, and begin again."""
        self.bench.round_in_sequence()
        return self.begin()

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
                more = pareto_front([*allowed, *explorer.around(best, best.cost)])
                front = pareto_front([*front, *more])
                best = self._cheapest(explorer, more) or best
                self._settle(explorer.forms(best.dear), best)
            if self._rank is not None and self._rank[0]:
                return front
        for point in sorted(allowed, key=lambda each: each.loss):
            self._settle(explorer.forms(point.dear), point)
            if self._path.stat().st_size <= self._goal.most_bytes:
                break
        return front

    def polish(self, data: OpenData) -> bool:
        """Round the file at its place in sequence, and keep that if it holds as much.

        Returns:
            Whether it holds the gates.
        """
        _, score = self._rank or (False, -math.inf)
        settings = replace(self.settings, effort="best")
        return self._candidate(self.forms, Point(frozenset(), -score, -score), settings, data)

    def judge_again(self, test: OpenData) -> None:
        """Set the verdict of other samples on the file at its place."""
        self.verdict = self._judged(self._path, test)

    def _cheapest(self, explorer: Explorer, front: list[Point]) -> Point | None:
        def passes(point: Point) -> bool:
            if point.dear not in self._passed:
                self._passed[point.dear] = self._candidate(explorer.forms(point.dear), point)
            return self._passed[point.dear]

        return cheapest(front, passes, _CONFIRMED)

    def _settle(self, forms: Forms, point: Point) -> None:
        """Put a file at its place, whatever is there."""
        if self._rank is None or forms != self.forms:
            self._rank = None
            self._candidate(forms, point)

    def _candidate(
        self,
        forms: Forms,
        point: Point,
        settings: Int8Settings | None = None,
        data: OpenData | None = None,
    ) -> bool:
        """Write a file, judge it, and keep it if it is no worse than the one at its place.

        Files that hold the gates are better than others, and the cheaper the better; of others
        the better ones are those that lose less. With settings it is rounded anew.
        """
        with temporary_folder(f".{self._path.name}.", self._path.parent) as outer:
            folder = outer / "candidate"
            folder.mkdir()
            file = folder / self._path.name
            try:
                if settings is None:
                    write(replace(self._started, work=self.bench.result(forms)), file)
                else:
                    self._convert(file, forms, settings, data)
            except NothingQuantized:
                return False
            verdict = self._judged(file, self._held)
            passed = verdict.exit_code == 0
            rank = (passed, -point.cost if passed else -point.loss)
            if self._rank is None or rank >= self._rank:
                self._commit(folder)
                self._rank, self.forms, self.verdict = rank, forms, verdict
                self._made = settings or self.settings
            return passed

    def _convert(
        self, file: Path, forms: Forms, settings: Int8Settings, data: OpenData | None
    ) -> None:
        model = self._started.loaded.path
        found = plan(model, settings, assume=self._assume)
        fingerprint = self._started.loaded.fingerprint
        wanted = PlanFile.of(fingerprint, self.bench.work.plan.target.name, settings, forms)
        convert(
            *(model, file),
            calibration=self._record if data is None else None,
            data=data,
            settings=settings,
            plan=wanted.changed(found),
            assume=self._assume,
        )

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
