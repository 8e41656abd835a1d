"""The command line in this process, and as a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

from tests.model_helpers import parse

ROOT = Path(__file__).parents[2]

CONVOLUTIONS = """(float[N,3,8,8] x) => (float[N,4] y) <
  float[4,3,3,3] w, float[4] b, float[4,4] fw, float[4] fb> {
  c = Conv<pads=[1,1,1,1]>(x, w, b)
  r = Relu(c)
  p = GlobalAveragePool(r)
  f = Flatten(p)
  y = Gemm(f, fw, fb)
}"""
FIXED = "(float[1,4] x) => (float[1,4] y) <float[4,4] w> { y = MatMul(x, w) }"
LOG = "(float[N,4] x) => (float[N,4] y) <float[4,4] w> { l = Log(x) y = MatMul(l, w) }"
RECIPROCAL = LOG.replace("Log", "Reciprocal")
DIVIDE = "(float[N,4] x) => (float[N,4] y) <float[4,4] w> { q = Div(x, x) y = MatMul(q, w) }"
TANH = "(float[N,4] x) => (float[N,4] y) { t = Tanh(x) y = Tanh(t) }"


@dataclass(frozen=True)
class Said:
    """What a command line ended with and printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The lines on stderr after the progress, which must not hold a traceback."""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        return "\n".join(line for line in lines if not line.startswith("calibrating:"))


Qconv = Callable[..., Said]
Refuses = Callable[..., None]


def command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of a process."""
    return [sys.executable, "-m", "qconv", *arguments]


def process(*arguments: str) -> Said:
    """Run a command line as a process."""
    done = subprocess.run(
        command(arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def save_text(text: str, path: Path, *, seed: int = 0) -> onnx.ModelProto:
    """Write a model given as text; return it."""
    model = parse(text, seed=seed)
    onnx.save(model, path)
    return model


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    caching, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = caching


def begin_and_raise(error: BaseException) -> Callable[..., None]:
    """Return a function that begins to write an output, and then fails."""

    def write(_: object, path: Path, *__: object) -> None:
        path.write_bytes(b"half")
        path.with_name(f"{path.name}.data").write_bytes(b"half")
        raise error

    return write


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``qconv inspect`` fail so."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("qconv.pipeline.inspect", fail)
