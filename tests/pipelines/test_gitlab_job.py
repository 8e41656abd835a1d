"""The GitLab job of ci/qconv.gitlab-ci.yml, its script run as the job would run it.

pip is a program that only remembers what it was asked for.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import yaml  # type: ignore[import-untyped]

from tests.cli.cli_helpers import Said
from tests.pipelines.action_runner import ROOT
from tests.pipelines.conftest import Machine

FILE = ROOT / "ci" / "qconv.gitlab-ci.yml"
JOB: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))[".qconv"]


def run_job(machine: Machine, **variables: str) -> Said:
    """Run all lines of the job in one shell that ends at the first that fails, as runners do."""
    script = "set -e\n" + "\n".join((*JOB["before_script"], *JOB["script"]))
    return machine.run(["sh", "-c", script], **{**JOB["variables"], **variables})


def names(machine: Machine) -> list[str]:
    return sorted(path.name for path in (machine.checkout / "qconv-report").iterdir())


REPORT = [f"model.report.{end}" for end in ("html", "json", "md", "xml")]


def test_the_keys_are_those_that_gitlab_knows() -> None:
    keys = {"image", "variables", "before_script", "script", "cache", "artifacts"}
    assert set(JOB) == keys
    assert set(JOB["artifacts"]) == {"when", "expose_as", "paths", "reports"}
    assert JOB["artifacts"]["when"] == JOB["cache"]["when"] == "always"
    # GitLab shows what expose_as names only where the paths have no variables.
    assert not any("$" in path for path in JOB["artifacts"]["paths"])
    assert JOB["artifacts"]["reports"]["junit"] == "qconv-report/*.report.xml"
    assert set(JOB["cache"]) == {"key", "paths", "when"}
    assert set(JOB["cache"]["key"]) == {"prefix", "files"}


def test_gates_that_hold(cached: Machine) -> None:
    said = run_job(cached)
    assert said.code == 0, said.err
    assert names(cached) == ["model.int8.onnx", *REPORT, "note.md"]
    assert "to be made" not in said.out
    note = (cached.checkout / "qconv-report" / "note.md").read_text()
    assert note.startswith("### qconv report\n")
    assert cached.calls("python")[0][-2:] == ["--", "qconv[html,images]"]


def test_a_gate_that_fails(cached: Machine) -> None:
    said = run_job(cached, QCONV_RECIPE="strict.toml")
    assert said.code == 1, said.err
    report = Xml.parse(cached.checkout / "qconv-report" / "model.report.xml")
    assert [failure.get("type") for failure in report.iter("failure")] == ["gate"]


def test_what_is_wrong_leaves_a_note_alone(cached: Machine) -> None:
    said = run_job(cached, QCONV_RECIPE="$(touch hacked) none.toml")
    assert said.code == 3
    assert "none.toml: no such file" in said.err
    assert names(cached) == ["note.md"]
    note = (cached.checkout / "qconv-report" / "note.md").read_text()
    assert note.startswith("**qconv ended with exit code 3**")
    assert not (cached.checkout / "hacked").exists()


@pytest.mark.parametrize("code", [0, 1, 2, 5, 70])
def test_the_job_ends_as_qconv_did(machine: Machine, code: int) -> None:
    machine.has("qconv", code=code)
    (machine.checkout / "qconv-out").mkdir()
    assert run_job(machine).code == code


def test_without_pip_there_is_no_run(machine: Machine) -> None:
    machine.has("qconv")
    machine.has("python", code=1)
    assert run_job(machine).code == 1
    assert machine.calls("qconv") == []
