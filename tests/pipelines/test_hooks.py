"""The hooks for pre-commit: their entries, called with names of files as pre-commit does."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.cli.cli_helpers import Said
from tests.pipelines.action_runner import ROOT
from tests.pipelines.conftest import Machine

HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}


def call(machine: Machine, hook: str, *arguments: str) -> Said:
    return machine.run([*shlex.split(HOOKS[hook]["entry"]), *arguments])


def test_the_keys_are_those_that_pre_commit_knows() -> None:
    assert list(HOOKS) == ["qconv-gate", "qconv-recipe"]
    for hook in HOOKS.values():
        assert set(hook) == {"id", "name", "description", "entry", "language", "files"}
        assert hook["language"] == "python"


def test_the_files_that_they_look_at() -> None:
    gate, recipe = (re.compile(hook["files"]) for hook in HOOKS.values())
    assert gate.search("report.json")
    assert gate.search("out/model.report.json")
    assert not gate.search("lastreport.json")
    assert recipe.search("models/qconv.toml")
    assert not recipe.search("pyproject.toml")


def test_reports_are_judged_again(cached: Machine) -> None:
    report = "qconv-out/model.report.json"
    shutil.copy(cached.checkout / report, cached.checkout / "a b'$(touch hacked).report.json")
    said = call(cached, "qconv-gate", report, "a b'$(touch hacked).report.json")
    assert said.code == 0, said.err
    assert said.out.count("model.int8.onnx passes: sqnr_db = ") == 2
    said = call(cached, "qconv-gate", "--fail-if=sqnr_db < 90", report)
    assert said.code == 1
    assert "model.int8.onnx FAILS: sqnr_db = " in said.out
    assert not (cached.checkout / "hacked").exists()


def test_one_bad_report_of_two_fails(machine: Machine) -> None:
    (machine.checkout / "qconv").write_text("")
    programs = machine.programs / "qconv"
    programs.write_text('#!/bin/sh\ntest "$2" = good.json || exit 3\n')
    assert call(machine, "qconv-gate", "bad.json", "good.json").code == 3
    assert call(machine, "qconv-gate", "good.json").code == 0


def test_recipes_are_read_and_nothing_is_made(machine: Machine) -> None:
    said = call(machine, "qconv-recipe", "qconv.toml")
    assert said.code == 0, said.err
    assert "model.int8.onnx: would be made: " in said.out
    (machine.checkout / "bad.toml").write_text('modl = "model.onnx"\n')
    said = call(machine, "qconv-recipe", "bad.toml")
    assert said.code == 2
    assert "bad.toml line 1: there is no option 'modl'" in said.err
    assert not (machine.checkout / "out").exists()
