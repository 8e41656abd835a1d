"""Command lines that are killed, or refused by the disk, at a chosen step."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.cli.server import Server

_STEPS = {
    *("os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"),
    *("os.chmod", "fcntl.flock"),
}
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Fault:
    """What goes wrong at which step that changes the disk; step 0: nothing does.

    ``code`` is the errno of the disk's refusal, 0 for a kill, or -1 for Ctrl-C. ``size``
    kills within a write, when a file grows beyond so many bytes.
    """

    step: int = 0
    code: int = 0
    size: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a command line ended: exit code or minus a signal, stderr, and the steps it took."""

    code: int
    err: str
    steps: list[str]


class Faulty(Server):
    """Runs command lines in a folder, each in a process forked from one that holds all imports."""

    def __init__(self, folder: Path) -> None:
        super().__init__(__name__, str(folder))

    def __call__(self, line: str, fault: Fault = Fault()) -> Ended:
        """Run a command line with a fault."""
        return Ended(**self.ask([line.split(), asdict(fault)]))


def serve(folder: str) -> None:
    """Answer the orders that come on standard input, one a line."""
    from qconv.cli import convert, main
    from qconv.pipeline import conversion

    del convert, conversion
    answers = os.fdopen(os.dup(1), "w")
    os.chdir(folder)
    sys.dont_write_bytecode = True
    for order in sys.stdin:
        line, fault = json.loads(order)
        told, tell = os.pipe()
        errors, err = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(err, 2)
            stop = _count(tell, Fault(**fault))
            code = main.run(line)
            stop()
            os._exit(code)
        os.close(tell)
        os.close(err)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with os.fdopen(told) as steps, os.fdopen(errors) as text:
            ended = Ended(code, text.read(), steps.read().splitlines())
        answers.write(f"{json.dumps(asdict(ended))}\n")
        answers.flush()


def _count(tell: int, fault: Fault) -> Callable[[], None]:
    """From now on tell of each step before it is taken, and let the fault happen.

    Returns what ends it: steps of the process that the command does not take, such as those that
    save the coverage of the code, do not count.
    """
    steps = 0
    counting = True

    def stop() -> None:
        nonlocal counting
        counting = False

    def step(name: str) -> None:
        nonlocal steps
        if not counting:
            return
        steps += 1
        os.write(tell, f"{name}\n".encode())
        if steps == fault.step:
            if not fault.code:
                os.kill(os.getpid(), signal.SIGKILL)
            if fault.code < 0:
                raise KeyboardInterrupt
            raise OSError(fault.code, os.strerror(fault.code))

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STEPS:
            step(event)
        elif event == "open" and arguments[2] & _FOR_WRITING:
            step("open")

    sys.addaudithook(watch)
    os.fsync = _before(os.fsync, lambda: step("fsync"))  # type: ignore[assignment]
    if fault.size is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.size, fault.size))
    return stop


def _before(function: Callable[[int], None], first: Callable[[], None]) -> Callable[[Any], None]:
    def both(descriptor: Any) -> None:
        first()
        function(descriptor)

    return both
