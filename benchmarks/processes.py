"""Time and peak memory of whole processes.

A child begins with the peak memory of its parent in its own account, so each process is started
by a small one: this file, run as ``python processes.py LIMIT COMMAND...``.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """Wall time and processor time in seconds, largest resident memory in MB (1e6 bytes)."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Ended:
    """A process that came to an end: its exit code, its cost, what it wrote to standard error."""

    code: int
    cost: Cost
    written: str


class ProcessError(Exception):
    """A process ended with an error, or did not end in time; the text is one sentence."""


def measure(
    command: Sequence[str],
    python: str = sys.executable,
    *,
    limit: float | None = None,
    folder: Path | None = None,
) -> Cost:
    """Return what it costs to :func:`run` a command line that does what it should.

    Raises:
        ProcessError: with the last line of what the process wrote to standard error.
    """
    ended = run(command, python, limit=limit, folder=folder)
    if ended.code == 0:
        return ended.cost
    if limit is not None and ended.cost.wall >= limit:
        raise ProcessError(f"ended after {limit:.0f} s")
    raise ProcessError(_reason(ended.written) or f"failed with exit code {ended.code}")


def run(
    command: Sequence[str],
    python: str = sys.executable,
    *,
    limit: float | None = None,
    folder: Path | None = None,
) -> Ended:
    """Run a command line of some Python to its end, with this repository's modules in reach.

    Args:
        command: what follows the interpreter.
        python: the interpreter.
        limit: seconds after which the process is ended.
        folder: where it runs; None: here.
    """
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-S", str(Path(__file__).resolve()), str(limit or ""), python, *command],
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
    )
    found = json.loads(done.stdout)
    return Ended(found.pop("code"), Cost(**found), done.stderr)


def _reason(written: str) -> str:
    """Return the first sentence of a traceback's error, with its place if it says nothing."""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    reason = lines[-1].split(". ")[0] if lines else ""
    places = re.findall(r'File ".*?([^/"]+)", line (\d+)', written)
    if ":" in reason or not places:
        return reason
    return f"{reason} in {places[-1][0]}, line {places[-1][1]}"


def _launch(limit: str, command: Sequence[str]) -> dict[str, Any]:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    timer = threading.Timer(float(limit or "inf"), os.killpg, (process.pid, signal.SIGKILL))
    if limit:
        timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    return {
        "code": os.waitstatus_to_exitcode(status),
        "wall": time.perf_counter() - start,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * 1024 / 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(_launch(sys.argv[1], sys.argv[2:])))
