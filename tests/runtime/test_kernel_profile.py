import json
from pathlib import Path
from typing import Any

import pytest

from qconv.runtime.kernel_profile import Kernel, ProfiledRun, Spent, read_runs


def event(name: str, start: int, took: int, op: str = "", index: int = 0) -> dict[str, Any]:
    args = {"op_name": op, "node_index": str(index)} if op else {}
    return {"cat": "Node" if op else "Session", "dur": took, "ts": start, "name": name,
            "args": args}  # fmt: skip


def written(folder: Path, *events: dict[str, Any]) -> Path:
    """Write a profile as the runtime does: one event a line."""
    path = folder / "profile.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, events)) + "\n]\n")
    return path


EXECUTOR, RUN = "SequentialExecutor::Execute", "model_run"


def test_kernels_are_told_by_inference(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        event("session_initialization", 0, 5000),
        event("c_kernel_time", 5010, 20, "Conv", 1),
        event("Relu_3_kernel_time", 5040, 5, "Relu", 3),
        event(EXECUTOR, 5005, 50),
        event(RUN, 5000, 60),
        event("c_kernel_time", 6010, 30, "Conv", 1),
        event(EXECUTOR, 6005, 40),
        event(RUN, 6000, 45),
    )
    assert list(read_runs(path)) == [
        ProfiledRun(
            50, {Kernel("Conv", "c", "1"): Spent(20, 1), Kernel("Relu", "Relu_3", "3"): Spent(5, 1)}
        ),
        ProfiledRun(40, {Kernel("Conv", "c", "1"): Spent(30, 1)}),
    ]


def test_what_a_body_takes_is_not_counted_twice(tmp_path: Path) -> None:
    """A Loop of two turns, with an If in its body."""
    path = written(
        tmp_path,
        event("a_kernel_time", 100, 10, "Neg"),
        event("deep_kernel_time", 130, 20, "Tanh"),
        event(EXECUTOR, 125, 30),
        event("if_kernel_time", 122, 40, "If"),
        event("deep_kernel_time", 180, 22, "Tanh"),
        event(EXECUTOR, 177, 28),
        event("if_kernel_time", 172, 38, "If"),
        event(EXECUTOR, 120, 95),
        event("loop_kernel_time", 112, 118, "Loop"),
        event("z_kernel_time", 230, 4, "Abs"),
        event(EXECUTOR, 98, 140),
        event(RUN, 95, 150),
    )
    (run,) = read_runs(path)
    assert run.executor_us == 140
    assert {kernel.op: (spent.us, spent.count) for kernel, spent in run.kernels.items()} == {
        "Neg": (10, 1),
        "Tanh": (42, 2),
        "If": (40 - 30 + 38 - 28, 2),
        "Loop": (118 - 95, 1),
        "Abs": (4, 1),
    }


def test_what_the_runtime_writes_behind_names_is_left_out(tmp_path: Path) -> None:
    events = [
        event("relu_nchwc_kernel_time", 1, 1, "Conv"),
        event("c_token_12_kernel_time", 3, 1, "QLinearConv"),
        event("x_token_kernel_time", 5, 1, "Relu"),
        event(RUN, 0, 9),
    ]
    (run,) = read_runs(written(tmp_path, *events))
    assert [kernel.name for kernel in run.kernels] == ["relu", "c", "x_token"]


def test_an_inference_that_was_not_written_whole_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, event("c_kernel_time", 10, 20, "Conv"))
    assert list(read_runs(path)) == []


@pytest.mark.parametrize("text", ['[\n{"cat" : "No', "[\n{},\n"])
def test_what_is_no_profile_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises((ValueError, LookupError)):
        list(read_runs(path))
