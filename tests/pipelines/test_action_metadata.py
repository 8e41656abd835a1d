"""What GitHub demands of action.yml and of what it runs, by its reference of metadata syntax."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.pipelines.action_runner import ACTION, ROOT, STEPS

TEXT = (ROOT / "action.yml").read_text(encoding="utf-8")
RUN_KEYS = {"name", "id", "if", "run", "shell", "env", "working-directory", "continue-on-error"}
USES_KEYS = {"name", "id", "if", "uses", "with", "env", "continue-on-error"}
FOREIGN = {"actions/setup-python", "actions/cache", "actions/upload-artifact"}
"""Actions of GitHub alone."""


def test_the_keys_are_those_that_github_knows() -> None:
    assert set(ACTION) == {"name", "description", "branding", "inputs", "outputs", "runs"}
    assert set(ACTION["branding"]) == {"icon", "color"}
    assert set(ACTION["runs"]) == {"using", "steps"}
    assert ACTION["runs"]["using"] == "composite"
    assert len(ACTION["description"]) <= 125  # the marketplace takes no more
    for told in ACTION["inputs"].values():
        assert set(told) == {"description", "default"}
        assert isinstance(told["default"], str)
    for told in ACTION["outputs"].values():
        assert set(told) == {"description", "value"}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_a_step_is_whole(step: dict[str, Any]) -> None:
    if "run" in step:
        assert set(step) <= RUN_KEYS
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input would be read as code"
    else:
        assert set(step) <= USES_KEYS
        action, version = step["uses"].split("@")
        assert "/".join(action.split("/")[:2]) in FOREIGN
        assert re.fullmatch(r"v\d+", version)


def test_names_lead_somewhere() -> None:
    assert set(re.findall(r"inputs\.([\w-]+)", TEXT)) == set(ACTION["inputs"])
    ids = [step["id"] for step in STEPS if "id" in step]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"steps\.([\w-]+)\.outputs", TEXT)) <= set(ids)
    assert len({step["name"] for step in STEPS}) == len(STEPS)


def test_scripts_are_there_and_get_what_they_read() -> None:
    given_by_github = {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_SERVER_URL"}
    given_by_github |= {"GITHUB_REPOSITORY", "GITHUB_RUN_ID", "RUNNER_TEMP", "GITHUB_ACTION_PATH"}
    for step in STEPS:
        found = re.search(r"ci/[\w-]+\.sh", step.get("run", ""))
        if found is not None:
            script = (ROOT / found[0]).read_text(encoding="utf-8")
            read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", script))
            made = set(re.findall(r"(?:export )?([A-Z][A-Z_]+)=", script))
            assert read <= set(step["env"]) | given_by_github | made, step["name"]


def test_the_token_is_for_the_comment_alone() -> None:
    holding = [step["name"] for step in STEPS if "inputs.token" in str(step)]
    assert holding == ["Comment on the pull request"]
