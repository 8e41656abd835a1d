"""The Dockerfile, as far as that goes without Docker: its stages, and the build in plain folders.

Both stages have the Python of these tests in the place of the image's. What the wheel needs is
there already, so that pip builds and installs it without a network; that pip itself is removed
from the image is read, not done.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.cli.cli_helpers import process
from tests.pipelines.action_runner import ROOT
from tests.pipelines.conftest import Machine

LINES = [
    line.split(maxsplit=1)
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
_FIRST, _SECOND = (index for index, line in enumerate(LINES) if line[0] == "FROM")
BUILD, FINAL = LINES[_FIRST:_SECOND], LINES[_SECOND:]


def values(stage: list[list[str]], word: str) -> list[str]:
    return [line[1] for line in stage if line[0] == word]


def test_the_instructions_are_those_that_docker_knows() -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD"}
    assert {line[0] for line in LINES} == known
    assert {value.split()[0] for value in values(LINES, "FROM")} == {"python:3.13-slim"}


def test_the_image_that_is_left() -> None:
    (user,) = values(FINAL, "USER")
    assert all(int(number) > 0 for number in user.split(":"))
    assert json.loads(values(FINAL, "ENTRYPOINT")[0]) == ["qconv"]
    assert values(FINAL, "COPY") == ["--from=build /opt/qconv /opt/qconv"]
    assert values(FINAL, "WORKDIR") == values(FINAL, "VOLUME") == ["/work"]
    assert "HOME=/tmp" in values(FINAL, "ENV")[0]
    (run,) = values(FINAL, "RUN")
    assert "pip uninstall" in run
    assert "pip install" not in run
    assert [line[0] for line in FINAL].index("USER") > [line[0] for line in FINAL].index("RUN")


def copied(folder: Path) -> None:
    """Copy what .dockerignore lets through: it leaves out all but what it names."""
    everything, *named = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert everything == "*"
    assert named.pop() == "**/__pycache__"
    for name in named:
        source = ROOT / name.removeprefix("!")
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / source.name, ignore=ignore)
        else:
            shutil.copy(source, folder)


@pytest.fixture
def image(machine: Machine, tmp_path: Path) -> Path:
    """The folder that stands for /, after the first stage."""
    root = tmp_path / "image"
    (root / "src").mkdir(parents=True)
    copied(root / "src")
    (machine.programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for command in values(BUILD, "RUN"):
        line = re.sub(r" /(?=opt|wheels)", f" {root}/", command)
        line = re.sub(r"(echo )/", rf"\1{root}/", line).replace(
            f"echo {root}{root}", f"echo {root}"
        )
        line = line.replace(" wheel ", " wheel --no-build-isolation ")
        line = line.replace(" install ", " install --no-index --no-deps --no-compile ")
        said = machine.run(["sh", "-e", "-c", f"cd '{root}/src' && {line}"])
        assert said.code == 0, f"{line}\n{said.out}{said.err}"
    return root


def test_the_build_gives_a_command_that_works(image: Path, machine: Machine) -> None:
    bin_ = image / "opt" / "qconv" / "bin"
    assert not list(bin_.glob("pip*"))
    (site,) = (image / "opt" / "qconv" / "lib").glob("python*/site-packages")
    assert (site / "qconv" / "cli" / "main.py").is_file()
    assert not (site / "tests").exists()
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    said = machine.run([str(bin_ / "qconv"), "--version"], PYTHONPATH="")
    assert said.code == 0, said.err
    assert said.out == process("--version").out
    where = "import qconv; print(qconv.__file__)"
    said = machine.run([str(bin_ / "python"), "-c", where], PYTHONPATH="")
    assert said.out.strip() == str(site / "qconv" / "__init__.py")
