"""A checkout with models and data, and programs on PATH that stand for those of a CI machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.cli.cli_helpers import CONVOLUTIONS, ROOT, Said, save_text
from tests.pipelines.action_runner import Done, run_action

RECIPE = """\
model = "model.onnx"
data = "data.npz"
test-data = "test.npz"
effort = "fast"
latency = false
fail-if = "sqnr_db < {limit}"
"""
QCONV = '#!/bin/sh\nexec "{python}" -m qconv "$@"\n'
RECORDING = r"""#!/bin/sh
{{ for argument; do printf '%s\0' "$argument"; done; printf '\001'; }} >> {record}
printf '%s' {said}
exit {code}
"""
_KEPT = ("HOME", "LANG", "LC_ALL", "COVERAGE_FILE", "COVERAGE_PROCESS_CONFIG", "TMPDIR")


@dataclass(frozen=True)
class Machine:
    """A CI machine: the checkout, and the folder with its programs."""

    checkout: Path
    programs: Path

    def has(self, name: str, *, code: int = 0, said: str = "") -> None:
        """Put a program on PATH that remembers how it was called, and does nothing."""
        record = shlex.quote(str(self._record(name)))
        self._write(name, RECORDING.format(record=record, said=shlex.quote(said), code=code))

    def has_qconv(self) -> None:
        """Put the qconv that is tested on PATH."""
        self._write("qconv", QCONV.format(python=sys.executable))

    def calls(self, name: str) -> list[list[str]]:
        """Return the arguments of each call of a program."""
        record = self._record(name)
        *calls, _ = record.read_text().split("\1") if record.exists() else [""]
        return [call.split("\0")[:-1] for call in calls]

    def action(self, *, pull_request: str = "", **inputs: str) -> Done:
        """Run the action with inputs, whose dashes are written as underlines."""
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        return run_action(self.checkout, given, self.environment, pull_request)

    def run(self, command: Sequence[str], **environment: str) -> Said:
        """Run a command in the checkout."""
        done = subprocess.run(
            command,
            cwd=self.checkout,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """What programs find: little of the environment of the tests."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.getenv("PYTHONPATH", "")]),
        }

    def _record(self, name: str) -> Path:
        return self.programs / f"{name}.calls"

    def _write(self, name: str, text: str) -> None:
        program = self.programs / name
        program.write_text(text)
        program.chmod(0o755)


def new_machine(place: Path) -> Machine:
    """Return a machine with models and data, a pip that has installed qconv, and a willing gh."""
    machine = Machine(place / "checkout", place / "programs")
    machine.checkout.mkdir()
    machine.programs.mkdir()
    save_text(CONVOLUTIONS, machine.checkout / "model.onnx")
    random = np.random.default_rng(0)
    for name in ("data", "test"):
        samples = random.standard_normal((6, 3, 8, 8)).astype(np.float32)
        np.savez(machine.checkout / f"{name}.npz", x=samples)
    (machine.checkout / "qconv.toml").write_text(RECIPE.format(limit=10))
    (machine.checkout / "strict.toml").write_text(RECIPE.format(limit=90))
    machine.has_qconv()
    machine.has("python")
    machine.has("gh")
    return machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing has run."""
    return new_machine(tmp_path)


@pytest.fixture(scope="session")
def passed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Done]:
    """A machine on which the action has run, and its gates held."""
    machine = new_machine(tmp_path_factory.mktemp("passed"))
    return machine, machine.action(pull_request="5", comment="true", recipe="qconv.toml")


@pytest.fixture
def cached(machine: Machine, passed: tuple[Machine, Done]) -> Machine:
    """A machine to which a cache has brought back what a run has made elsewhere, and times."""
    made = machine.checkout / "qconv-out"
    shutil.copytree(passed[0].checkout / "qconv-out", made)
    state = made / "qconv-run.json"
    text = state.read_text().replace(str(passed[0].checkout), str(machine.checkout))
    state.write_text(text)
    return machine
