"""Many cases in a row, in one or several workers, and what they found."""

from __future__ import annotations

import collections
import gc
import multiprocessing
import os
import shlex
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random

from tests.fuzz import data, gates, models, options, recipes, records, reports, searches
from tests.fuzz.baked import Baked, bake
from tests.fuzz.case import SECRET, SECRET_FILE, Case, make_folders, random_of
from tests.fuzz.crashes import crash_faults
from tests.fuzz.outcome import Fault, Outcome, faults
from tests.fuzz.seeds import Seed, node_seeds, own_seeds
from tests.fuzz.worker import import_all, run_forked, run_process

_KINDS = (
    *("models",) * 18,
    *("data", "options") * 6,
    *("records", "reports") * 4,
    *("gates", "recipes") * 2,
    "searches",
)
_SHARE = 100
"""How often each of the own graphs stands beside the thousands of node models."""
_MEMORY = Path("/dev/shm")
PLACE = _MEMORY if os.access(_MEMORY, os.W_OK) else None
"""Folders in memory: a disk takes milliseconds for each."""


@dataclass(frozen=True)
class Settings:
    """How long, how many and where."""

    seed: int
    seconds: float | None
    commands: int | None
    processes: int
    workers: int
    nodes: bool
    keep: Path | None
    first: int
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """What all cases begin with."""

    seeds: list[Seed]
    baked: list[Baked]
    reports: list[bytes]

    def make(self, seed: int, number: int, folder: Path, kinds: tuple[str, ...]) -> Case:
        """Make case ``number`` of a run in an empty folder."""
        random = random_of(seed, number)
        kind = random.choice(kinds or _KINDS)
        make_folders(folder)
        (folder / SECRET_FILE).write_bytes(SECRET)
        arguments, outputs = self._made(kind, random, folder)
        return Case(number, kind, tuple(arguments), tuple(outputs))

    def _made(self, kind: str, random: Random, folder: Path) -> tuple[list[str], list[str]]:
        match kind:
            case "models":
                return models.make(random, folder, self.seeds)
            case "records":
                return records.make(random, folder, self.baked)
            case "data":
                return data.make(random, folder, self.baked)
            case "gates":
                return gates.make(random, folder, self.reports)
            case "reports":
                return reports.make(random, folder, self.reports)
            case "recipes":
                return recipes.make(random, folder, self.baked, self.reports)
            case "searches":
                return searches.make(random, folder, self.seeds, self.baked)
            case _:
                return options.make(random, folder, self.baked, self.reports)


@dataclass(frozen=True)
class Done:
    """One case that was run."""

    case: Case
    as_process: bool
    outcome: Outcome
    faults: tuple[Fault, ...]


@dataclass
class Tally:
    """What all cases together came to."""

    codes: collections.Counter[tuple[str, int]] = field(default_factory=collections.Counter)
    crashes: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: dict[str, list[tuple[Done, Fault]]] = field(default_factory=dict)
    slowest: float = 0.0
    largest: float = 0.0

    def add(self, done: Done) -> None:
        """Count one case."""
        kind = "processes" if done.as_process else done.case.kind
        self.codes[kind, done.outcome.code] += 1
        if done.outcome.crashed:
            self.crashes[done.outcome.signal_name] += 1
        for fault in done.faults:
            self.faults.setdefault(fault.shape, []).append((done, fault))
        self.slowest = max(self.slowest, done.outcome.seconds)
        self.largest = max(self.largest, done.outcome.megabytes)

    @property
    def commands(self) -> int:
        """How many were run."""
        return self.codes.total()


def run(settings: Settings) -> Tally:
    """Make and run cases until time or number is reached; tell progress on standard error."""
    import_all()
    own = own_seeds()
    seeds = [*own * _SHARE, *node_seeds()] if settings.nodes else own
    corpus = Corpus(seeds, bake(own), reports.sound())
    tally = Tally()
    begin = told = time.monotonic()
    for done in _all(settings, corpus):
        tally.add(done)
        for fault in done.faults:
            if len(tally.faults[fault.shape]) == 1:
                _tell(f"{fault.shape}\n  {command_line(done)}\n  {fault.told}")
        if time.monotonic() > told + 10:
            told = time.monotonic()
            rate = tally.commands / (told - begin)
            kinds = len(tally.faults)
            _tell(f"{tally.commands} commands, {rate:.0f} a second, {kinds} kinds of fault")
    return tally


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def command_line(done: Done) -> str:
    """Return number, target and command of a case."""
    return f"case {done.case.number} ({done.case.kind}): qconv {shlex.join(done.case.arguments)}"


def _all(settings: Settings, corpus: Corpus) -> Iterator[Done]:
    """Yield what every worker has done, as it comes.

    Raises:
        RuntimeError: a worker ended before its time.
    """
    context = multiprocessing.get_context("fork")
    workers = []
    readers: list[Connection] = []
    for index in range(settings.workers):
        reader, writer = context.Pipe(duplex=False)
        workers.append(context.Process(target=_work, args=(settings, corpus, index, writer)))
        readers.append(reader)
        workers[-1].start()
        writer.close()
    while readers:
        ready = wait(readers)
        for reader in [reader for reader in readers if reader in ready]:
            try:
                yield reader.recv()
            except EOFError:
                readers.remove(reader)
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"a worker ended with {worker.exitcode}")


def _work(settings: Settings, corpus: Corpus, index: int, results: Connection) -> None:
    gc.collect()
    gc.freeze()
    for number, as_process in _numbers(settings, index):
        try:
            results.send(_one(settings, corpus, number, as_process))
        except Exception:  # one case less; the others are made all the same
            results.send(_unmade(number, traceback.format_exc()))


def _unmade(number: int, problem: str) -> Done:
    """Return what stands for a case that this program itself failed on."""
    last = problem.strip().splitlines()[-1]
    nothing = Outcome(0, False, 0.0, 0.0, "", "", (), (), False)
    fault = Fault(f"tests.fuzz itself: {last[:100]}", problem[-1500:])
    return Done(Case(number, "unmade", ()), False, nothing, (fault,))


def _numbers(settings: Settings, index: int) -> Iterator[tuple[int, bool]]:
    """Yield the numbers of one worker, and whether each is run as a process."""
    end = None if settings.seconds is None else time.monotonic() + settings.seconds
    total = None if settings.commands is None else settings.commands + settings.processes
    number = index
    while (end is None or time.monotonic() < end) and (total is None or number < total):
        forked = total is None or number < (settings.commands or 0)
        yield settings.first + number, not forked
        number += settings.workers


def _one(settings: Settings, corpus: Corpus, number: int, as_process: bool) -> Done:
    with tempfile.TemporaryDirectory(prefix="fuzz", dir=PLACE, ignore_cleanup_errors=True) as name:
        folder = Path(name, "case")
        case = corpus.make(settings.seed, number, folder, settings.kinds)
        pristine = Path(name, "kept")
        outcome = (run_process if as_process else run_forked)(case, folder)
        found = list(faults(case, outcome))
        if outcome.crashed and as_process:
            found.append(Fault(f"a process ended by {outcome.signal_name}", ""))
        elif outcome.crashed:
            corpus.make(settings.seed, number, pristine, settings.kinds)
            found += crash_faults(case, outcome, pristine)
        if found and settings.keep is not None:
            _keep(settings, corpus, case, outcome, found)
        return Done(case, as_process, outcome, tuple(found))


def _keep(
    settings: Settings, corpus: Corpus, case: Case, outcome: Outcome, found: list[Fault]
) -> None:
    """Keep a case: its files as they were, its command, what it printed and what is wrong."""
    assert settings.keep is not None
    folder = settings.keep / f"{settings.seed}-{case.number}"
    shutil.rmtree(folder, ignore_errors=True)
    corpus.make(settings.seed, case.number, folder, settings.kinds)
    (folder / "command").write_text(f"qconv {shlex.join(case.arguments)}\n", encoding="utf-8")
    said = f"exit code {outcome.code}\n{outcome.errors}\n--- output\n{outcome.output[:5000]}"
    told = "".join(f"{fault.shape}\n  {fault.told}\n" for fault in found)
    (folder / "found").write_text(f"{told}\n{said}\n", encoding="utf-8", errors="backslashreplace")
