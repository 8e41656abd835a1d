"""The best file so far of a search, at its place."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from qconv.conversions.workbench import Form, Forms
from qconv.data.loops import OpenData
from qconv.evaluation.naming import display_names
from qconv.outputs import staged
from qconv.pipeline.arguments import Assume
from qconv.pipeline.comparison import report
from qconv.pipeline.goal import Goal
from qconv.pipeline.starting import Started
from qconv.pipeline.writing import write
from qconv.recipe.settings import Settings
from qconv.reporting.catalog import LATENCY_METRICS
from qconv.reporting.report_data import Report
from qconv.search.front import Point
from qconv.temporary import temporary_folder

_FASTER = 0.95
"""Of the float model's time: what takes more is no faster, for all that scatters."""


@dataclass(frozen=True)
class Kept:
    """A file that was written and judged.

    Attributes:
        settings: those that it was made with, with what was chosen on the way.
        point: its plan, what it costs and loses, as far as that was measured before.
        forms: of its layers that are not INT8, where its plan is one of static INT8.
        fast: whether it is as fast as the goal asks for.
        quick: whether it is faster than the float model, which a goal need not ask for.
        size: bytes of the file and its external data.
        typical: dB at the outputs on samples that calibrated, ``-inf`` where not measured.
        verdict: on the samples held out.
    """

    settings: Settings
    point: Point
    forms: Forms
    fast: bool
    quick: bool
    size: int
    typical: float
    verdict: Report

    @property
    def holds(self) -> bool:
        """Whether it does all that the goal asks for."""
        return self.fast and self.verdict.exit_code == 0


class Keeper:
    """Writes files, judges them, and keeps the best one at its place.

    Args:
        path: where.
        goal: what is best.
        held: opens the samples that files are judged on.
        assume: inputs that are fixed to constants.
        force: whether a file of somebody else may be replaced.
    """

    def __init__(
        self, path: Path, goal: Goal, held: OpenData, *, assume: Assume | None, force: bool
    ) -> None:
        self._path, self._goal, self._held = path, goal, held
        self._assume, self._force = assume, force
        self._best: Kept | None = None
        self._withdrawn = False

    @property
    def best(self) -> Kept:
        """The file at its place.

        Raises:
            ValueError: there is none yet.
        """
        if self._best is None:
            raise ValueError("no file has been written yet")
        return self._best

    def offer(self, done: Started, point: Point, *, slowness: float | None, forms: Forms) -> Kept:
        """Write a file of which all steps are done, judge it, and keep it if none was better.

        Of two that are equally good the later one stays. ``slowness`` is its time over that of the
        float model, None where that is of no concern.
        """
        least = self._goal.min_speedup
        with temporary_folder(f".{self._path.name}.", self._path.parent) as outer:
            folder = outer / "candidate"
            folder.mkdir()
            file = folder / self._path.name
            made = write(done, file)
            judged = made.judgement
            found = Kept(
                *(done.work.settings, point, forms),
                fast=least is None or slowness is None or slowness <= 1 / least,
                quick=least is not None or slowness is None or slowness <= _FASTER,
                size=made.size_bytes,
                typical=-math.inf if judged is None else judged.typical,
                verdict=self.judged(done.loaded.path, file, self._held),
            )
            if self._takes(found):
                self._commit(folder)
                self._best, self._withdrawn = found, False
        return found

    def cost(self, kept: Kept) -> float:
        """Return what files are to save: bytes, or time over that of the float model."""
        cost = kept.point.cost
        sized = self._goal.form is Form.FOUR_BITS and not math.isfinite(cost)
        return kept.size if sized else cost

    def beats(self, other: Kept) -> bool:
        """Whether a file is better than the one at its place."""
        return self._rank(other) > self._rank(self.best)

    def _takes(self, other: Kept) -> bool:
        if self._best is None or self._withdrawn:
            return True
        return self._rank(other) >= self._rank(self._best)

    def withdraw(self) -> None:
        """Let any file take the place of that which is there: luck has made it look good."""
        self._withdrawn = True

    def judged(self, model: Path, file: Path, data: OpenData) -> Report:
        """Return what a file does on samples, with the verdicts of the goal's gates."""
        gates = self._goal.gates
        found = report(
            *(model, [file]),
            data=data,
            fail_if=gates,
            metrics=self._goal.metrics,
            settings=self._goal.settings,
            assume=self._assume,
            profile=False,
            latency=any(name in text for name in LATENCY_METRICS for text in gates),
        )
        return _named(found, *display_names(model, [self._path]))

    def _rank(self, kept: Kept) -> tuple[bool, bool, bool, float, float]:
        """Files that hold the goal are best, then those within its limits of time and of size.

        Of these the ones that are faster than the float model come first. Then the objective
        decides among files that hold the goal, the error among others within its limits, and what
        is limited among the rest.
        """
        fits = kept.fast and kept.size <= self._goal.most_bytes
        by_cost = (kept.holds and self._goal.by_cost) or not fits
        value = -self.cost(kept) if by_cost else kept.typical
        return kept.holds, fits, kept.quick or not fits, value, kept.typical

    def _commit(self, folder: Path) -> None:
        with staged(self._path, force=self._force, model=True) as temporary:
            for file in folder.iterdir():
                shutil.copyfile(file, temporary.parent / file.name)
        self._force = True


def _named(found: Report, model: str, file: str) -> Report:
    """Return a report on one file with the names that the model and the file are to have."""
    [variant] = found.variants
    return replace(
        found,
        reference=replace(found.reference, name=model),
        variants=(replace(variant, name=file),),
        verdicts=tuple(replace(each, variant=file) for each in found.verdicts),
    )
