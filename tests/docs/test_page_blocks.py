"""Every command and every Python block of every page, run in a folder with what they name."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qconv
from qconv.cli.main import run
from qconv.data import TensorSpec
from tests.cli.tune_net import fix_times
from tests.docs.page_blocks import ALL, FILES, PAGES, ROOT, Block, words
from tests.docs.world import make

NOT_RUN = 2
"""So many blocks at most are not run."""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    make(folder)
    return folder


@pytest.fixture
def place(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with models and data; how fast a search finds files is fixed."""
    folder = tmp_path / "work"
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    shutil.copytree(world, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    fix_times(monkeypatch, others=1 / 2)
    return folder


@pytest.fixture
def names(place: Path) -> dict[str, Any]:
    """What blocks of Python find, which the text around them explains."""
    with np.load(place / "test.npz") as arrays:
        images, labels = arrays["image"], arrays["labels"]
    tokens = np.arange(5)
    return {
        "np": np,
        "qconv": qconv,
        "images": images,
        "labels": labels,
        "sentences": [(tokens, np.ones_like(tokens), 0)],
        "inputs": [TensorSpec("image", np.dtype(np.float32), (None, 3, 224, 224))],
    }


def runnable(page: str) -> list[Block]:
    found = [block for block in ALL if block.page == page]
    return [block for block in found if block.lines or block.is_python or block.file]


PAGE_NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


@pytest.mark.parametrize("page", [name for name in PAGE_NAMES if runnable(name)])
def test_what_a_page_shows_can_be_typed(
    page: str, place: Path, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="utf-8")
    settings: list[str] = []
    for block in runnable(page):
        if block.not_run:
            continue
        for line in block.before:
            assert _typed(line, [], place) == 0, f"{block.place}: {line}\n{capsys.readouterr()}"
        if block.file:
            (place / block.file).write_text(block.text, encoding="utf-8")
        elif block.is_python:
            exec(compile(block.text, block.place, "exec"), names)
        for index, line in enumerate(block.lines, 1):
            capsys.readouterr()
            code = _typed(line, settings, place)
            wanted = block.code if index == len(block.lines) else 0
            said = f"{block.place}: `{line}` ends with {code}, not {wanted}"
            if code != wanted:
                printed = capsys.readouterr()
                pytest.fail(f"{said}:\n{printed.out[-1500:]}{printed.err[-1500:]}", pytrace=False)
            if "=" in line.split()[0]:
                settings.append(line)


def _typed(line: str, settings: list[str], place: Path) -> int:
    """Run a line, and return its exit code; a file that it writes is not there before."""
    found = words(line, settings, place)
    if found[:1] == ["-m"]:
        runpy.run_module(found[1], run_name="__main__")
    if found[:1] != ["qconv"]:
        return 0
    for option, name in zip(found, [*found[1:], ""], strict=True):
        if option in ("-o", "--output") and Path(name).is_file():
            Path(name).unlink()
    if found[1:2] == ["init"] and "-o" not in found:
        Path("qconv.toml").unlink(missing_ok=True)
    return run(found[1:])


def test_hardly_anything_is_not_run() -> None:
    left_out = [f"{block.place}: {block.not_run}" for block in ALL if block.not_run]
    sys.stdout.write("\n".join(["not run:", *left_out, ""]))
    assert len(left_out) <= NOT_RUN
