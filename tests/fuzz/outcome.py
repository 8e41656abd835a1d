"""What became of a command, and what is wrong with it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fuzz.case import Case

SECONDS = 60
MEGABYTES = 1000
DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5, 130, 141})
_JUDGING = frozenset({"report", "gate", "compare", "tune", "run"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FOR_GITHUB = re.compile(r"^\s*::|##\[", re.MULTILINE)
_BLAME = re.compile(r"bug in qconv|fault of qconv|qconv's fault")
_FRAME = re.compile(r'File ".*?/qconv/([\w/]+\.py)", line (\d+),? in')
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+|\[[^\]]*\]|/\S+")


@dataclass(frozen=True)
class Outcome:
    """What was seen of a command.

    Attributes:
        code: exit code; of a process that a signal ended, minus the signal's number.
        hung: it was ended after ``SECONDS``.
        seconds: how long it took.
        megabytes: memory at its peak, above what the imports take.
        output: what it wrote to standard output.
        errors: what it wrote to standard error.
        left: files and folders that it should not have left, changed or removed, each with what
            is wrong with it.
        missing: outputs that are not there.
        processes: whether a process of its own outlived it.
    """

    code: int
    hung: bool
    seconds: float
    megabytes: float
    output: str
    errors: str
    left: tuple[str, ...]
    missing: tuple[str, ...]
    processes: bool

    @property
    def crashed(self) -> bool:
        """Whether a signal ended it, which was not sent from here."""
        return self.code < 0 and not self.hung

    @property
    def signal_name(self) -> str:
        """Which signal ended it."""
        return signal.Signals(-self.code).name


@dataclass(frozen=True)
class Fault:
    """Something that no command may do.

    Attributes:
        shape: what it is and where; cases of one cause have the same.
        told: one line of what was seen.
    """

    shape: str
    told: str


def faults(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """Yield what is wrong with an outcome; crashes are judged elsewhere."""
    last = outcome.errors.strip().splitlines()[-1:] or [""]
    told = last[0][:300]
    place = innermost(outcome.errors)
    if outcome.hung:
        yield Fault(f"hangs: {case.command} {case.kind}", f"ended after {SECONDS} s; {told}")
        return
    if outcome.crashed:
        return
    if outcome.code not in DOCUMENTED:
        yield Fault(f"exit code {outcome.code} {place or _shape(told)}", told)
    elif "Traceback (most recent call last)" in outcome.errors + outcome.output:
        yield Fault(f"traceback {place or _shape(told)}", told)
    elif _BLAME.search(outcome.errors):
        yield Fault(f"blames qconv with {outcome.code}: {_shape(told)}", told)
    elif outcome.code == 1 and case.command not in _JUDGING:
        yield Fault(f"exit code 1 of {case.command}", told)
    elif outcome.code == 1 and not (outcome.output + outcome.errors).strip():
        yield Fault(f"exit code 1 of {case.command} without a word", "")
    elif outcome.code in (2, 3, 4, 5) and not told:
        yield Fault(f"exit code {outcome.code} of {case.command} without a word", "")
    if outcome.code == 0 and outcome.missing and not {"-h", "--help"} & {*case.arguments}:
        yield Fault(f"{case.command}: no output after exit code 0", outcome.missing[0])
    for thing in outcome.left:
        yield Fault(f"{case.command}: {_shape(thing)}", thing)
    if outcome.processes:
        yield Fault(f"{case.command}: a process outlived it", told)
    if outcome.megabytes > MEGABYTES:
        yield Fault(f"memory of {case.command} {case.kind}", f"{outcome.megabytes:.0f} MB; {told}")
    for stream, text in (("output", outcome.output), ("errors", outcome.errors)):
        if found := _CONTROL.search(text):
            line = text[max(0, found.start() - 60) : found.end() + 20]
            yield Fault(f"control character in {stream} of {case.command}", repr(line))
        elif found := _FOR_GITHUB.search(text):
            line = text[found.start() : found.end() + 60]
            yield Fault(f"a line for GitHub in {stream} of {case.command}", repr(line))


def innermost(errors: str) -> str:
    """Return the last place in qconv that a traceback names, and the kind of error, or nothing.

    A dump of a crash has its innermost frame first.
    """
    frames = [f"{file}:{line}" for file, line in _FRAME.findall(errors)]
    if not frames:
        return ""
    if "Fatal Python error" in errors:
        return frames[0]
    kinds = re.findall(r"^(?:\w+\.)*(\w+)(?::|$)", errors, re.MULTILINE)
    kind = next(
        (kind for kind in reversed(kinds) if kind.endswith(("Error", "Exception", "Fail", "Exit"))),
        "",
    )
    return f"{frames[-1]} {kind}"


def _shape(message: str) -> str:
    """Return a message without what varies from case to case."""
    return _VARYING.sub("*", message)[:120]
