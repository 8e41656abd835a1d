"""Conversions that are killed at random moments, over a pair that is in use.

python -m tests.cli.kills [--kills 500] [--seed 0] [--folder FOLDER]

Each conversion is a command of two processes, which writes one of two models over the other. From
the moment that it has a temporary folder, the parent, the child, or both are killed after a random
time. Then the output must be the old model or the new one, load, and compute what that model
computes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np

from qconv.cli import convert, process
from qconv.pipeline import conversion
from tests.cli.cli_helpers import save_text
from tests.model_helpers import run

_TEXT = """(float[1,{0}] x) => (float[1,{0}] y) <float[{0},{0}] a, float[{0},{0}] b> {{
  m = MatMul(x, a) y = MatMul(m, b)
}}"""
_SIZE = 1000
_LINE = "convert {} --dtype fp16 --external-data always -q --force -o out/y.onnx"
_MODELS = ("one.onnx", "two.onnx")
_FEEDS = {"x": np.ones((1, _SIZE), np.float32)}
_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT

del convert, conversion  # held, so that no command imports them


class Kills:
    """A folder with two models and the output of one of them."""

    def __init__(self, home: Path, seed: int) -> None:
        self._home, self._random = home, Random(seed)
        (home / "out").mkdir()
        self._answers = []
        for index, name in enumerate(_MODELS):
            save_text(_TEXT.format(_SIZE), home / name, seed=index)
            parent = self._begun(name)
            begin = time.monotonic()
            os.waitpid(parent, 0)
            self._window = time.monotonic() - begin
            self._answers.append(self._answer())

    def kill(self) -> str:
        """Convert and kill; return what is there: ``old`` or ``new``, and whether it ended.

        Raises:
            ValueError: the output is neither of the two models.
        """
        target = 1 - self._known()
        parent = self._begun(_MODELS[target])
        time.sleep(self._random.random() * self._window)
        ended = os.waitid(os.P_PID, parent, _LOOK) is not None
        self._end(parent)
        for path in self._temporary():
            shutil.rmtree(path)
        what = "new" if self._known() == target else "old"
        return f"{what}, ended before it was to be killed" if ended else what

    def _begun(self, name: str) -> int:
        """Start a conversion; return its number when it has a temporary folder."""
        parent = self._start(name)
        while not any(self._temporary()) and os.waitid(os.P_PID, parent, _LOOK) is None:
            time.sleep(0.001)
        return parent

    def _start(self, name: str) -> int:
        """Run a command line in a process that needs no imports any more; return its number."""
        started = os.fork()
        if started:
            return started
        code = 70
        try:
            os.chdir(self._home)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            sys.argv[1:] = _LINE.format(name).split()
            process.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os._exit(code)

    def _temporary(self) -> Iterator[Path]:
        return (self._home / "out").glob(".y.onnx.*")

    def _end(self, parent: int) -> None:
        """Kill the parent, the child or both, and wait until both are gone."""
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        child = int(children[0]) if children else parent
        for victim in self._random.choice([(parent,), (child,), (parent, child)]):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        os.waitpid(parent, 0)
        while child != parent and Path(f"/proc/{child}").exists():
            time.sleep(0.001)

    def _answer(self) -> bytes:
        return run(self._home / "out" / "y.onnx", _FEEDS)["y"].tobytes()

    def _known(self) -> int:
        return self._answers.index(self._answer())


def main() -> None:
    """Kill as often as the command line says, and print what was there after it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="on the file system to try; default: the system's own")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        kills = Kills(Path(name), arguments.seed)
        counts: Counter[str] = Counter()
        while counts["old"] + counts["new"] < arguments.kills:
            counts[kills.kill()] += 1
    for what, count in sorted(counts.items()):
        print(f"{what}: {count}")


if __name__ == "__main__":
    main()
