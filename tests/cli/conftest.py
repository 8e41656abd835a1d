import contextlib
import os
import shutil
import signal
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qconv.cli.main import run
from tests.cli.cli_helpers import (
    CONVOLUTIONS,
    DIVIDE,
    FIXED,
    LOG,
    RECIPROCAL,
    ROOT,
    TANH,
    Qconv,
    Refuses,
    Said,
    contents,
    save_text,
)
from tests.cli.tune_net import fix_times, save_net


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, data and records, made once."""
    folder = tmp_path_factory.mktemp("made")
    texts = {
        "model": CONVOLUTIONS,
        "fixed": FIXED,
        "log": LOG,
        "reciprocal": RECIPROCAL,
        "divide": DIVIDE,
        "tanh": TANH,
    }
    for name, text in texts.items():
        save_text(text, folder / f"{name}.onnx")
    random = np.random.default_rng(0)
    np.savez(folder / "data.npz", x=random.standard_normal((6, 3, 8, 8)).astype(np.float32))
    rows = np.ones((5, 4), np.float32)
    np.savez(folder / "ones.npz", x=rows)
    rows[3, 2] = 0
    np.savez(folder / "zero.npz", x=rows)
    with contextlib.chdir(folder):
        for depth in ("full", "histogram", "ranges"):
            line = f"calibrate model.onnx --data data.npz --statistics {depth} -o {depth}.qcal -q"
            assert run(line.split()) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with models, data and records."""
    place = tmp_path / "work"
    shutil.copytree(made, place)
    monkeypatch.chdir(place)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.getenv("PYTHONPATH", "")]))
    return place


@pytest.fixture
def qconv(folder: Path, capsys: pytest.CaptureFixture[str]) -> Qconv:  # noqa: ARG001
    """Runs a command line in this process: ``qconv("inspect model.onnx", "more")``."""

    def invoke(line: str, *more: str) -> Said:
        capsys.readouterr()
        code = run([*line.split(), *more])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return invoke


@pytest.fixture
def refuses(qconv: Qconv, folder: Path) -> Refuses:
    """Checks that a command line is refused in one sentence, and leaves no file behind."""

    def check(line: str, *more: str, code: int, message: str, hint: str | None = None) -> None:
        before = contents(folder)
        said = qconv(line, *more)
        sentence, _, shown = said.error.partition("\nhint: ")
        assert sentence == f"qconv: error: {message}"
        assert said.code == code
        assert said.out == ""
        if hint is not None:
            assert shown == hint
        assert contents(folder) == before

    return check


@pytest.fixture
def unignored() -> Iterator[None]:
    """Processes that are started here heed Ctrl-C, Ctrl-\\ and a closed terminal.

    These tests may run in the background, or under nohup.
    """
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    others = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGHUP, signal.SIGQUIT)}
    yield
    for number, handler in {signal.SIGINT: interrupt, **others}.items():
        signal.signal(number, handler)


@pytest.fixture
def frugal(qconv: Qconv) -> Qconv:
    """Runs a command line that may take 100 MB of memory."""

    def invoke(line: str, *more: str) -> Said:
        tracemalloc.start()
        try:
            said = qconv(line, *more)
            assert tracemalloc.get_traced_memory()[1] < 100_000_000
        finally:
            tracemalloc.stop()
        return said

    return invoke


@pytest.fixture
def net(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A net to search, in a folder with its data and a metric; times are fixed."""
    fix_times(monkeypatch)
    return save_net(folder)
