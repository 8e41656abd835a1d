"""Everything that a command prints passes here.

Names in models, data and reports are anybody's words. Nothing in them may steer the terminal that
shows them, or be taken for a command by the service whose log they end in.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from qconv.printable import escape, printable

if TYPE_CHECKING:
    from rich.console import Console

    from qconv.reporting.github import WorkflowCommand

_SUSPECT = re.compile(r"[^\n\t -~]")
_COMMAND = re.compile(r"(?m)(^[^\w\n]*?:):|(##\w{0,20})\[")
_REMEMBERED = 30
"""Characters of a line, written before, with which the next ones may form a command."""

_unheard = suppress(OSError, ValueError)
"""Nobody reads standard error any more, or a script has closed it: the work goes on."""


class _Guarded:
    """A stream that shows what is not visible as an escape, and breaks up commands to a CI.

    GitHub and its like take a line that begins with ``::``, and ``##[`` and ``##name[`` anywhere,
    for commands. The second colon and the bracket are written as ``\\u003a`` and ``\\u005b``,
    which JSON reads as the same text.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._line = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        for hide in _overlays:
            hide()
        shown = self._line + _SUSPECT.sub(_visible, text)
        shown = _COMMAND.sub(_broken_up, shown)
        self.stream.write(shown[len(self._line) :])
        line = shown[shown.rfind("\n") + 1 :]
        dropped, kept = line[:-_REMEMBERED], line[-_REMEMBERED:]
        self._line = f"x{kept}" if re.search(r"\w", dropped) else kept
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write them all, escaped."""
        for line in lines:
            self.write(line)


class _Telling(_Guarded):
    """Standard error, whose reader may leave."""

    def write(self, text: str) -> int:
        """Write the text, escaped, if it can be written."""
        with _unheard:
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, if it can be."""
        with _unheard:
            self.stream.flush()


_overlays: list[Callable[[], None]] = []


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error inside the block, whoever writes to them."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guard(_Guarded, before[0]), _guard(_Telling, before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def overlay(hide: Callable[[], None]) -> Iterator[None]:
    """Call ``hide`` before anything is printed inside the block: a bar gives way to a line."""
    _overlays.append(hide)
    try:
        yield
    finally:
        _overlays.remove(hide)


def say(line: str = "", *, err: bool = False) -> None:
    """Print one line; line breaks in names are escaped."""
    show(f"{printable(line)}\n", err=err)


def show(document: str, *, err: bool = False) -> None:
    """Print a document of many lines, such as JSON."""
    stream = sys.stderr if err else sys.stdout
    if stream is not None:  # click would take standard output for it
        click.echo(document, file=stream, nl=False)


def console(*, err: bool = False) -> Console:
    """Return what draws tables, without styles and without markup."""
    from rich.console import Console

    return Console(stderr=err, color_system=None, markup=False, highlight=False, emoji=False)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in a frame, as wide as the terminal at most; long cells are folded."""
    from rich.table import Table

    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console().print(table)


def tell_runner(command: WorkflowCommand) -> None:
    """Print a command to GitHub's runner, on standard error."""
    stream = unguarded(sys.stderr)
    if stream is not None:
        with _unheard:
            stream.write(f"{command}\n")
            stream.flush()


def in_github() -> bool:
    """Whether this is a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def complain(code: int, line: str) -> None:
    """Say in one line why the command fails, and annotate it."""
    say(line, err=True)
    annotate(code, line.removeprefix("qconv: ").removeprefix("error: "))


def annotate(code: int, message: str) -> None:
    """In a step of GitHub Actions, have the run show why a command fails."""
    if in_github():
        with suppress(ImportError, MemoryError):  # the exit code tells of it, too
            from qconv.reporting.github import failure_command

            tell_runner(failure_command(f"qconv ended with exit code {code}", message))


def unguarded(stream: TextIO) -> TextIO:
    """Return the stream below a guard."""
    return stream.stream if isinstance(stream, _Guarded) else stream


def give_up_broken() -> None:
    """Let what streams could not write go nowhere, so that Python does not try it once more."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _guard(kind: type[_Guarded], stream: TextIO | None) -> TextIO:
    return cast(TextIO, None if stream is None else kind(stream))


def _visible(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else escape(found[0])


def _broken_up(found: re.Match[str]) -> str:
    return f"{found[1]}\\u003a" if found[1] else f"{found[2]}\\u005b"
