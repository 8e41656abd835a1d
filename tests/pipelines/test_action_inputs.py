"""What is typed into the inputs of the action becomes arguments, and never code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipelines.conftest import Machine

HOSTILE = [
    "$(touch hacked)",
    "`touch hacked`",
    "a b.onnx",
    "a'b\"c.onnx",
    "; touch hacked #",
    "${{ github.token }}",
    "-rf",
    "--dry-run",
    "a\\nb%0A::error::x",
    "*",
]


def values(call: list[str], option: str) -> list[str]:
    """Return what an option was given, each time."""
    return [each.split("=", 1)[1] for each in call if each.startswith(f"{option}=")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_is_one_argument_as_it_is(machine: Machine, name: str) -> None:
    machine.has("qconv")
    lists = {"model": name, "data": name, "gates": name, "dtype": name, "recipe": name}
    before = sorted(machine.checkout.iterdir())
    done = machine.action(
        pull_request="5",
        comment="true",
        test_data=name,
        output=name,
        artifact_name=name,
        package=name,
        token=name,
        **lists,
    )
    assert done.code == 0, done.log
    (call,) = machine.calls("qconv")
    assert call[:2] == ["run", f"--output={name}"]
    for option in ("--recipe", "--model", "--data", "--test-data", "--dtype", "--fail-if"):
        assert values(call, option) == [name]
    assert len(call) == 9
    assert machine.calls("python")[0][-2:] == ["--", name]
    assert sorted(machine.checkout.iterdir()) == before
    assert not list(machine.checkout.parent.rglob("hacked"))
    assert "secret" not in str(call)
    assert done.commands == []


def test_one_value_a_line(machine: Machine) -> None:
    machine.has("qconv")
    machine.action(
        model="a.onnx\nb c.onnx\n",
        data="\n  first.npz\r\n\nsecond.npz",
        gates="top1_drop > 1.0\nsize_ratio > 0.5 or $(touch hacked)\n",
        options="--no-latency\n--effort best\n--fail-if=a > b\n--layers he ad=int4\n-q\n",
    )
    (call,) = machine.calls("qconv")
    assert call[3:] == [
        "--model=a.onnx",
        "--model=b c.onnx",
        "--data=first.npz",
        "--data=second.npz",
        "--fail-if=top1_drop > 1.0",
        "--fail-if=size_ratio > 0.5 or $(touch hacked)",
        "--no-latency",
        "--effort=best",
        "--fail-if=a > b",
        "--layers=he ad=int4",
        "-q",
    ]
    assert not (machine.checkout / "hacked").exists()


def test_a_real_run_on_a_hostile_name(machine: Machine) -> None:
    name = "a b'\"$(touch hacked)`touch hacked`.onnx"
    shutil.copy(machine.checkout / "model.onnx", machine.checkout / name)
    done = machine.action(model=name, dtype="bf16", options="--dry-run")
    assert (done.code, done.commands) == (0, []), done.log
    assert f"{Path(name).stem}.bf16.onnx: would be made: " in done.log
    assert not list(machine.checkout.parent.rglob("hacked"))
