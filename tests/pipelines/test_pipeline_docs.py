"""The examples of docs/pipelines.md are whole files, and do what the page says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from qconv.recipe.file import read_recipe
from tests.pipelines.action_runner import ACTION, ROOT
from tests.pipelines.conftest import RECIPE, Machine
from tests.pipelines.test_gitlab_job import JOB
from tests.pipelines.test_hooks import HOOKS

PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml|sh|groovy)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WORKFLOWS = [yaml.safe_load(text) for _, text in BLOCKS if text.startswith("# .github/workflows/")]
OWN = "OWNER/qconv@COMMIT"
STEP_KEYS = {"id", "if", "uses", "with", "run", "env", "name"}


def example(first: str) -> Any:
    """Return the example whose first line is a comment with this name."""
    (text,) = (text for _, text in BLOCKS if text.startswith(f"# {first}\n"))
    return yaml.safe_load(text)


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    (job,) = workflow["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_all_kinds_are_there() -> None:
    assert len(WORKFLOWS) == 3
    assert [kind for kind, _ in BLOCKS].count("yaml") == 5


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_is_whole_and_careful(workflow: dict[Any, Any]) -> None:
    on = workflow[True]  # YAML 1.1 reads the word on as true
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    assert "pull_request" in on
    assert workflow["permissions"]["contents"] == "read"
    (job,) = workflow["jobs"].values()
    assert set(job) <= {"runs-on", "timeout-minutes", "steps"}
    first = steps(workflow)[0]
    assert first["uses"].startswith("actions/checkout@v")
    assert first["with"]["persist-credentials"] is False
    for step in steps(workflow):
        assert set(step) <= STEP_KEYS
        assert ("run" in step) != ("uses" in step)
        assert "${{" not in step.get("run", "")
        if step.get("uses") == OWN:
            assert set(step["with"]) <= set(ACTION["inputs"])
            comments = bool(step["with"].get("comment"))
            assert comments == (workflow["permissions"].get("pull-requests") == "write")
    assert "pull_request_target" not in str(workflow)


def test_the_inputs_of_the_page_are_those_of_the_action() -> None:
    table = PAGE[PAGE.index("| input | default |") : PAGE.index("The output `exit-code`")]
    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line]
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row)]
    assert named == list(dict.fromkeys(named))
    assert set(named) == set(ACTION["inputs"])


def test_the_action_runs_what_an_example_asks_for(machine: Machine) -> None:
    machine.has("qconv")
    given = next(step["with"] for step in steps(WORKFLOWS[1]) if step.get("uses") == OWN)
    machine.action(**{name.replace("-", "_"): str(value) for name, value in given.items()})
    (call,) = machine.calls("qconv")
    assert call[3:] == [
        "--model=models/net.onnx",
        "--data=calibration/",
        "--test-data=test/",
        "--dtype=int8",
        "--dtype=fp16",
        "--fail-if=top1_drop > 1.0",
        "--fail-if=size_ratio > 0.6",
        "--effort=best",
        "--no-latency",
    ]


@pytest.mark.parametrize(("limit", "code"), [(10, 0), (90, 1)])
def test_the_workflow_without_the_action(cached: Machine, limit: int, code: int) -> None:
    (cached.checkout / "qconv.toml").write_text(RECIPE.format(limit=limit))
    *_, install, run, upload = steps(WORKFLOWS[2])
    assert cached.run(["bash", "-e", "-c", install["run"]]).code == 0
    assert cached.calls("python")[0][:3] == ["-m", "pip", "install"]
    said = cached.run(["bash", "-e", "-c", run["run"]], GITHUB_ACTIONS="true")
    assert said.code == code
    assert said.err.count("::error title=model.int8.onnx%3A a gate failed::") == code
    assert upload["if"] == "always()"


def test_the_gitlab_pipeline() -> None:
    pipeline = example(".gitlab-ci.yml")
    assert set(pipeline) == {"include", "quantize", "note"}
    assert pipeline["include"][0]["remote"].endswith("/COMMIT/ci/qconv.gitlab-ci.yml")
    assert pipeline["quantize"]["extends"] == ".qconv"
    assert set(pipeline["quantize"]["variables"]) <= set(JOB["variables"])
    assert pipeline["note"]["rules"][0]["when"] == "always"
    assert "body@qconv-report/note.md" in pipeline["note"]["script"][0]


def test_the_hooks_of_the_page() -> None:
    (repository,) = example(".pre-commit-config.yaml")["repos"]
    assert set(repository) == {"repo", "rev", "hooks"}
    assert [hook["id"] for hook in repository["hooks"]] == list(HOOKS)


def test_the_script_for_any_other_service(cached: Machine) -> None:
    (script,) = (text for kind, text in BLOCKS if kind == "sh")
    said = cached.run(["sh", "-c", script])
    assert said.code == 0, said.err
    (cached.checkout / "qconv.toml").unlink()
    said = cached.run(["sh", "-c", script])
    assert said.code == 3
    assert said.err.endswith("no report: qconv ended with 3\n")


def test_the_recipe_of_the_page(machine: Machine) -> None:
    text = PAGE[PAGE.index("    # qconv.toml\n") : PAGE.index("\n- [GitHub]")]
    recipe = machine.checkout / "page.toml"
    recipe.write_text("\n".join(line.strip() for line in text.splitlines()))
    assert set(read_recipe(recipe).values) == {"model", "data", "test_data", "fail_if"}


def test_exit_codes_are_all_told() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| (\d+) \|", re.MULTILINE)
    own = PAGE[PAGE.index("## Exit codes") :]
    assert {*row.findall(own), "141"} == set(row.findall(commands))
