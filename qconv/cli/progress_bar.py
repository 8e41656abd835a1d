"""Progress on stderr: a bar on a terminal, a line for every tenth elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, TypeVar

from qconv.cli.terminal import overlay, unguarded
from qconv.printable import printable
from qconv.progress import Progress, no_progress

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

T = TypeVar("T")

_LINES = 10
_PATIENCE_SECONDS = 2.0
_REDRAW_SECONDS = 0.1


def make_progress(*, quiet: bool, stream: TextIO | None = None) -> Progress:
    """Return the progress that suits ``stream``, which is stderr where none is given.

    Where stderr is closed there is nothing to show progress on.
    """
    stream = sys.stderr if stream is None else stream
    if quiet or stream is None:
        return no_progress
    return Bar(stream) if stream.isatty() else Lines(stream)


class Lines:
    """One line for about every tenth of the items: ``evaluating: 40/400 (10 %), 12.5/s, ...``.

    The work goes on where nobody reads the lines any more.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def __call__(self, items: Iterable[T], total: int, label: str, /) -> Iterator[T]:
        """Pass the items on, and write a line whenever another tenth of them is done."""
        start = self._clock()
        shown = 0
        for done, item in enumerate(items, 1):
            yield item
            if total and done * _LINES // total > shown:
                shown = done * _LINES // total
                with suppress(OSError):
                    self._stream.write(self._line(done, total, label, self._clock() - start))
                    self._stream.flush()

    def _line(self, done: int, total: int, label: str, seconds: float) -> str:
        line = f"{label}: {done}/{total} ({100 * done // total} %)"
        if seconds > 0:
            line += f", {done / seconds:.3g}/s"
            if done < total:
                line += f", {duration((total - done) * seconds / done)} left"
        return f"{line}\n"


class Bar:
    """A bar with rate and time left, gone when it is done; work of two seconds shows none.

    It is drawn between two items and never by a thread, which would disturb what is timed. It
    alone writes control sequences, below the guard of the stream, and gives way to other output.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = unguarded(stream)
        self._clock = clock

    def __call__(self, items: Iterable[T], total: int, label: str, /) -> Iterator[T]:
        """Pass the items on, and move the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _rate_column(),
            TimeRemainingColumn(),
            console=Console(file=self._stream),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        task = bar.add_task(printable(label), total=total)
        due = self._clock() + _PATIENCE_SECONDS
        with overlay(bar.live.stop):
            try:
                for item in items:
                    yield item
                    bar.advance(task)
                    now = self._clock()
                    if now > due:
                        bar.live.start()
                        bar.refresh()
                        due = now + _REDRAW_SECONDS
            finally:
                bar.live.stop()


def duration(seconds: float) -> str:
    """Return ``8 s``, ``2 min 5 s`` or ``1 h 3 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _rate_column() -> ProgressColumn:
    """Return the column ``12.5/s``; made here so that rich is imported only where it shows."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3g}/s" if task.speed else "")

    return Rate()
