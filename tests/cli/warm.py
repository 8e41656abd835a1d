"""A process that holds the imports and forks for command lines, on a terminal or a pipe."""

from __future__ import annotations

import json
import os
import sys
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from tests.cli.server import Server


@dataclass(frozen=True)
class Printed:
    """What command lines ended with, and the bytes of both streams as they came."""

    codes: list[int]
    bytes: bytes


class Warm(Server):
    """Runs command lines in a process of their own that needs no imports any more."""

    def __init__(self) -> None:
        super().__init__(__name__)

    def __call__(self, lines: Sequence[Sequence[str]], folder: Path, *, terminal: bool) -> Printed:
        """Run command lines in a folder, one after the other, on one terminal or one pipe."""
        answer = self.ask({"lines": lines, "folder": str(folder), "terminal": terminal})
        return Printed(answer["codes"], answer["text"].encode("latin-1"))


def serve() -> None:
    """Answer the orders that come on standard input, one a line."""
    import qconv

    for module in walk_packages(qconv.__path__, "qconv."):
        if module.name != "qconv.__main__":
            import_module(module.name)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        order = json.loads(line)
        ours, theirs = os.openpty() if order["terminal"] else os.pipe()
        if order["terminal"]:
            tty.setraw(theirs, termios.TCSANOW)  # newlines stay newlines
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            _run(order, theirs, tell)
        os.close(theirs)
        os.close(tell)
        text, codes = _read(ours), _read(told)
        os.waitpid(child, 0)
        answer = {"codes": json.loads(codes), "text": text.decode("latin-1")}
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def _run(order: dict[str, Any], stream: int, tell: int) -> None:
    from qconv.cli.main import run

    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        os.close(stream)
        os.chdir(order["folder"])
        os.environ["TERM"] = "xterm-256color"
        codes = [run(line) for line in order["lines"]]
        sys.stdout.flush()
        os.write(tell, json.dumps(codes).encode())
    finally:
        os._exit(0)


def _read(descriptor: int) -> bytes:
    """Read until the last writer has left, which a terminal tells by an error; then close."""
    parts = []
    with suppress(OSError):
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    os.close(descriptor)
    return b"".join(parts)
