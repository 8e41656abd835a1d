"""Time and peak memory of whole processes."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Wall time and processor time in seconds, largest resident memory in MB (1e6 bytes)."""

    wall: float
    cpu: float
    memory: float


def measure(command: Sequence[str], python: str = sys.executable) -> Cost:
    """Run a command line of some Python to its end; a failure ends the benchmark."""
    start = time.perf_counter()
    process = subprocess.Popen([python, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
