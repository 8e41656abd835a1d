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
from qconv.conversions.workbench import Forms, Workbench
from qconv.data.loops import OpenData
from qconv.errors import NothingQuantized
from qconv.evaluation.coverage import layer_macs
from qconv.outputs import staged
from qconv.pipeline.arguments import Assume
from qconv.pipeline.comparison import report
from qconv.pipeline.conversion import Conversion, convert, plan
from qconv.pipeline.exploring import Explorer
from qconv.pipeline.goal import Goal
from qconv.pipeline.starting import Started
from qconv.placement.plan import Decisions
from qconv.recipe.settings import Int8Settings
from qconv.reporting.catalog import LATENCY_METRICS
from qconv.reporting.report_data import Report
from qconv.search.front import Point, cheapest
from qconv.temporary import temporary_folder
from qconv.version import __version__


class Search:
    """Keeps the best file so far at its place.

    Args:
        started: a conversion of which no step is done.
        model: the float model.
        path: the file to write.
        goal: what to look for.
        held: opens the samples that files are judged on.
        assume: inputs that are fixed to constants.
        force: whether a file of somebody else may be replaced.
    """

    def __init__(
        self,
        started: Started,
        model: Path,
        path: Path,
        *,
        goal: Goal,
        held: OpenData,
        assume: Assume | None,
        force: bool,
    ) -> None:
        self.bench = Workbench(started.work, started.steps)
        self._fingerprint = started.loaded.fingerprint
        self._model, self._path, self._goal, self._held = model, path, goal, held
        self._assume, self._force = assume, force
        self._rank: tuple[bool, float] | None = None
        self._size = 0
        self._made: Int8Settings | None = None
        self.forms: Forms = {}
        """Of the file at its place."""
        self.verdict: Report | None = None
        """On the file at its place."""

    @cached_property
    def subject(self) -> str:
        """A hash of what measured numbers depend on."""
        made = [__version__, self._fingerprint, record_hash(self._record), asdict(self.settings)]
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

    @property
    def _record(self) -> Record:
        record = self.bench.work.record
        if record is None:
            raise ValueError("a search has data, and so a record")
        return record

    def plan_file(self) -> PlanFile:
        """Return the choices of the file at its place."""
        target = self.bench.work.plan.target.name
        return PlanFile.of(self._fingerprint, target, self._made or self.settings, self.forms)

    def begin(self) -> bool:
        """Write the file whose layers are all INT8, and return whether it holds the gates."""
        passed = self._candidate({}, Point(frozenset(), math.inf, math.inf))
        self._size = self._path.stat().st_size
        if passed:
            self._rank = (True, -float(self._size))
        return passed

    def run(self, explorer: Explorer) -> list[Point]:
        """Measure plans, keep the best that holds the goal, and return the front."""
        budget = self._goal.budget
        front = explorer.front(self._shares, [budget] if math.isfinite(budget) else [])
        allowed = [point for point in front if point.cost <= budget] or front[:1]

        def passes(point: Point) -> bool:
            return self._candidate(explorer.forms(point.dear), point)

        if self._goal.fail_if and self._goal.objective != "accuracy":
            chosen, _ = cheapest(allowed, passes)
            if chosen is not None:
                return front
        for point in sorted(allowed, key=lambda each: each.loss):
            self._rank = None
            passes(point)
            if self._rank is not None and self._path.stat().st_size <= self._goal.most_bytes:
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

    def _candidate(
        self,
        forms: Forms,
        point: Point,
        settings: Int8Settings | None = None,
        data: OpenData | None = None,
    ) -> bool:
        """Write a file, judge it, and keep it if it is no worse than the one at its place.

        Files that hold the gates are better than others, and the cheaper the better; of others
        the better ones are those that lose less.
        """
        with temporary_folder(f".{self._path.name}.", self._path.parent) as outer:
            folder = outer / "candidate"
            folder.mkdir()
            file = folder / self._path.name
            try:
                self._convert(file, forms, settings or self.settings, data)
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
    ) -> Conversion:
        found: Decisions = plan(self._model, settings, assume=self._assume)
        wanted = PlanFile.of(self._fingerprint, found.target.name, settings, forms)
        return convert(
            self._model,
            file,
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
            self._model,
            [file],
            data=data,
            fail_if=gates,
            metrics=self._goal.metrics,
            assume=self._assume,
            latency=timed,
        )

    @cached_property
    def _shares(self) -> Mapping[str, float]:
        """The shares of multiplications of the layers."""
        feeds = next(iter(self._record.feeds.values()))
        macs = layer_macs(self.bench.work.model, feeds) or {}
        numbers = {name: macs.get(name, 0 if macs else 1) for name in self.bench.layers}
        total = sum(numbers.values())
        return {name: number / max(1, total) for name, number in numbers.items()}
