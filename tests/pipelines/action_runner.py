"""Runs action.yml as GitHub's runner would, as far as that goes without the service.

Steps with ``run`` run in bash, one after the other, with the files that GitHub gives them. Steps
with ``uses`` are recorded with their inputs. Expressions are those that action.yml has: names,
texts, ``==``, ``!=``, ``&&``, ``||`` and ``always()``.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
_TOKEN = re.compile(r"\s*(always\(\)|[\w-]+(?:\.[\w-]+)*|'[^']*'|==|!=|&&|\|\||[()])")
_PYTHON = {"&&": "and", "||": "or", "always()": "True"}


@dataclass
class Done:
    """What came of an action.

    Attributes:
        code: 0 if the job goes on, else what the step ended with that failed first.
        log: what all steps printed.
        summary: the summary of the step.
        used: inputs of the actions that were used, by the name of the step.
        ran: names of all steps that ran.
        outputs: of each step that has an id.
    """

    code: int = 0
    log: str = ""
    summary: str = ""
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def commands(self) -> list[str]:
        """The lines that GitHub's runner obeys, or would take for a command."""
        return re.findall(r"^\s*::.*|.*##\[.*", self.log, re.MULTILINE)


def run_action(
    folder: Path, inputs: Mapping[str, str], environment: Mapping[str, str], pull_request: str
) -> Done:
    """Run the action in a folder, which stands for the checkout, with what a workflow gives it.

    What it finds on PATH (qconv, gh, python) is up to the caller, who gives the environment.
    """
    own = {name: str(told.get("default", "")) for name, told in ACTION["inputs"].items()}
    unknown = set(inputs) - set(own)
    assert not unknown, unknown
    known = {
        **{f"inputs.{name}": value for name, value in {**own, **inputs}.items()},
        "github.token": "secret",
        "github.run_id": "7",
        "github.run_attempt": "1",
        "github.event.pull_request.number": pull_request,
        "runner.os": "Linux",
    }
    files = folder.parent / f"{folder.name}.runner"
    files.mkdir(exist_ok=True)
    (files / "summary.md").write_text("")
    environment = {
        **environment,
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_REPOSITORY": "owner/repository",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "7",
        "GITHUB_STEP_SUMMARY": str(files / "summary.md"),
        "RUNNER_TEMP": str(files),
    }
    done = Done()
    for step in STEPS:
        condition = str(step.get("if", ""))
        if (done.code and "always()" not in condition) or (
            condition and not _value(condition, known)
        ):
            continue
        done.ran.append(step["name"])
        if "uses" in step:
            given = {name: filled(str(text), known) for name, text in step.get("with", {}).items()}
            done.used[step["name"]] = given
            continue
        output = files / "output"
        output.write_text("")
        told = {name: filled(text, known) for name, text in step.get("env", {}).items()}
        script = files / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        ended = subprocess.run(
            shell,
            cwd=folder,
            env={**environment, "GITHUB_OUTPUT": str(output), **told},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        done.log += ended.stdout.decode("utf-8", "replace")
        done.code = done.code or ended.returncode
        own_outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        if "id" in step:
            done.outputs[step["id"]] = own_outputs
            known |= {
                f"steps.{step['id']}.outputs.{name}": value for name, value in own_outputs.items()
            }
    done.summary = (files / "summary.md").read_text(encoding="utf-8")
    return done


def filled(text: str, known: Mapping[str, str]) -> str:
    """Return a text with its expressions replaced by what they come to."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(_value(found[1], known)), text)


def artifact(folder: Path, patterns: str) -> Sequence[str]:
    """Return the names of the files that an artifact holds, by the patterns of its upload."""
    taken: set[str] = set()
    for pattern in patterns.split("\n"):
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        found = {name for name in names if fnmatch(name, pattern.removeprefix("!"))}
        taken = taken - found if pattern.startswith("!") else taken | found
    return sorted(Path(name).name for name in taken)


def _value(expression: str, known: Mapping[str, str]) -> object:
    """Return what an expression comes to; a name that is not known is an empty text."""
    parts, place = [], 0
    expression = expression.strip()
    while place < len(expression):
        found = _TOKEN.match(expression, place)
        assert found is not None, f"{expression[place:]} is not read by this runner"
        token, place = found[1], found.end()
        is_name = token[0].isalpha() and token not in _PYTHON
        parts.append(repr(known.get(token, "")) if is_name else _PYTHON.get(token, token))
    return eval(" ".join(parts), {"__builtins__": {}})
