"""The GitHub action, run step by step on models that pass, that miss a gate, and that are bad.

qconv is the one that is tested, on PATH: pip is a program that only remembers what it was asked
for, since installing needs a network. So does ``gh``, which stands for GitHub.
"""

from __future__ import annotations

import pytest

from tests.pipelines.action_runner import ROOT, Done, artifact
from tests.pipelines.conftest import Machine

RESTORE, KEEP = "Bring back what was made before", "Keep what was made"
UPLOAD, COMMENT = "Upload reports and models", "Comment on the pull request"


def test_a_model_that_passes(passed: tuple[Machine, Done]) -> None:
    machine, done = passed
    assert (done.code, done.commands) == (0, []), done.log
    (install,) = machine.calls("python")
    assert install[:3] == ["-m", "pip", "install"]
    assert install[-2:] == ["--", f"{ROOT}[html,images]"]
    assert done.summary.startswith("### qconv report\n")
    assert "**The gate passes.**" in done.summary
    assert "\n```mermaid\n" in done.summary
    files = artifact(machine.checkout, done.used[UPLOAD]["path"])
    reports = [f"model.report.{end}" for end in ("html", "json", "md", "xml")]
    assert files == ["model.int8.onnx", *reports]
    assert done.outputs["run"] == {"exit-code": "0", "made": "true"}
    assert KEEP in done.ran
    assert "repos/owner/repository/issues/5/comments" in machine.calls("gh")[-1]


def test_what_the_cache_brings_back_is_not_made_again(cached: Machine) -> None:
    done = cached.action()
    assert done.outputs["run"] == {"exit-code": "0"}, done.log
    assert "to be made" not in done.log
    assert done.summary.startswith("### qconv report\n")
    assert UPLOAD in done.ran
    assert not {KEEP, COMMENT} & set(done.ran)


def test_a_gate_fails_the_job_after_artifact_and_comment(cached: Machine) -> None:
    done = cached.action(pull_request="5", comment="true", recipe="strict.toml")
    assert done.code == 1, done.log
    (command,) = done.commands
    assert command.startswith("::error title=model.int8.onnx%3A a gate failed::model.int8.onnx ")
    assert "**1 of 1 gate failed.**" in done.summary
    assert {UPLOAD, COMMENT} < set(done.ran)
    assert "to be made" not in done.log
    assert "repos/owner/repository/issues/5/comments" in cached.calls("gh")[-1]


@pytest.mark.parametrize(
    ("inputs", "code", "message"),
    [
        ({"gates": "sqnr_bd < 10"}, 2, "the gate 'sqnr_bd < 10' names the unknown metric"),
        ({"recipe": "none.toml"}, 3, "none.toml: no such file"),
    ],
)
def test_what_is_wrong_is_an_annotation(
    cached: Machine, inputs: dict[str, str], code: int, message: str
) -> None:
    done = cached.action(pull_request="5", comment="true", **inputs)
    assert done.code == code, done.log
    (command,) = done.commands
    assert command.startswith(f"::error title=qconv ended with exit code {code}::{message}")
    assert f"**qconv ended with exit code {code}**" in done.summary
    assert UPLOAD not in done.ran  # what lies there is of an earlier run
    body = (cached.checkout.parent / "checkout.runner" / "qconv-comment.md").read_text()
    assert f"**qconv ended with exit code {code}**" in body
    assert "### qconv report" not in body


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 70, 130, 141])
def test_the_job_ends_as_qconv_did(machine: Machine, code: int) -> None:
    machine.has("qconv", code=code)
    done = machine.action()
    assert done.code == code
    assert done.outputs["run"]["exit-code"] == str(code)
    assert (UPLOAD in done.ran) == (code <= 1)


def test_a_pip_that_fails_is_an_annotation(machine: Machine) -> None:
    machine.has("python", code=1)
    done = machine.action(package="qconv==99")
    assert done.code == 1
    (command,) = done.commands
    assert command.startswith("::error title=qconv is not installed::")
    assert UPLOAD not in done.ran
    assert "run" not in done.outputs


def test_where_qconv_comes_from(machine: Machine) -> None:
    machine.has("qconv")
    machine.action(package="qconv[html]==1.0")
    machine.action(extras="")
    done = machine.action(extras="text", python_version="")
    assert "Set up Python" not in done.ran
    asked = [call[-1] for call in machine.calls("python")]
    assert asked == ["qconv[html]==1.0", str(ROOT), f"{ROOT}[text]"]


def test_the_cache_is_that_of_the_files_to_make(machine: Machine) -> None:
    machine.has("qconv")
    used = machine.action(model="model.onnx", data="data.npz").used[RESTORE]
    prefix = used["restore-keys"].strip()
    assert used["key"].startswith(prefix)
    assert prefix.startswith("qconv-Linux-")

    def key(**inputs: str) -> tuple[str, str]:
        names = ("RECIPE", "MODEL", "DATA", "TEST_DATA", "DTYPE", "OPTIONS", "OUTPUT")
        told = {f"QCONV_{name}": inputs.get(name.lower(), "") for name in names}
        output = machine.programs / "output"
        output.write_text("")
        script = str(ROOT / "ci" / "github-key.sh")
        said = machine.run(["bash", script], GITHUB_OUTPUT=str(output), **told)
        assert said.code == 0, said.err
        asked, content = (line.split("=")[1] for line in output.read_text().splitlines())
        return asked, content

    (machine.checkout / "samples").mkdir()
    (machine.checkout / "samples" / "a b.npy").write_bytes(b"1")
    given = {"model": "model.onnx", "data": "data.npz\nsamples/\nmissing"}
    asked, content = key(**given)
    assert key(**given) == (asked, content)
    assert key(**given, dtype="fp16")[0] != asked
    assert key(**given, options="--effort best")[0] != asked
    (machine.checkout / "samples" / "a b.npy").write_bytes(b"2")
    assert key(**given)[0] == asked
    assert key(**given)[1] != content
    with (machine.checkout / "qconv.toml").open("a") as recipe:
        recipe.write("samples = 3\n")
    assert key(**given)[0] != asked
