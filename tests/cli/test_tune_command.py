"""qconv tune: goals that are held, the best file at every moment, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import pytest

from qconv.pipeline import Goal, tune
from tests.cli.cli_helpers import Qconv, save_text
from tests.cli.tune_net import NET, save_deep_net, save_net
from tests.model_helpers import data, op_types, run

T = TypeVar("T")

SPEED = "tune net.onnx --data cal.npz --objective speed -o y.onnx"
SIZE = "tune net.onnx --data cal.npz --objective size -o y.onnx"


def float_layers(path: Path) -> list[str]:
    """Return the convolutions whose weights are float."""
    model = onnx.load(path)
    restored = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    return [node.name for node in convs if node.input[1] not in restored]


def test_layers_stay_float_until_the_gate_holds(qconv: Qconv, net: Path) -> None:
    plain = qconv("convert net.onnx --dtype int8 --data cal.npz -o plain.onnx")
    assert plain.code == 0
    said = qconv(SPEED, "--fail-if", "sqnr_db < 35", "--save-plan", "plan.json")
    assert said.code == 0, said.err
    assert "y.onnx passes: sqnr_db = " in said.err
    kept = float_layers(net / "y.onnx")
    assert 0 < len(kept) < 3
    assert f"y.onnx: {(net / 'y.onnx').stat().st_size / 1e3:.2f} kB, {len(kept)} layer" in said.out
    assert "layers that lose most in 8 bits, each alone:\n  Conv:a: " in said.out
    plan = json.loads((net / "plan.json").read_text())
    assert list(plan["forms"].values()) == ["float"] * len(kept)
    again = qconv("convert net.onnx --plan plan.json --data cal.npz -o again.onnx")
    assert again.code == 0, again.err
    assert float_layers(net / "again.onnx") == kept


@pytest.mark.usefixtures("net")
def test_the_summary_lists_plans_by_speed(qconv: Qconv) -> None:
    said = qconv(SPEED, "--fail-if", "sqnr_db < 35")
    lines = said.out.splitlines()
    assert lines[0] == "plans that no other plan beats:"
    assert lines[1].startswith("  4.00 times as fast, ")
    assert lines[1].endswith(" dB, 0 layers in float")
    assert lines[2].startswith("  2.00 times as fast, ")


def test_a_goal_that_eight_bits_hold_needs_no_search(qconv: Qconv, net: Path) -> None:
    said = qconv(SPEED, "--fail-if", "sqnr_db < 1")
    assert said.code == 0
    assert "the first file meets the goal, so there was no search" in said.out
    assert "all layers in 8 bits" in said.out
    assert not float_layers(net / "y.onnx")


def test_a_goal_that_nothing_holds_gets_the_best_file_and_exit_code_1(
    qconv: Qconv, net: Path
) -> None:
    said = qconv(SPEED, "--fail-if", "sqnr_db < 500")
    assert said.code == 1
    assert "y.onnx FAILS: sqnr_db = " in said.err
    assert run(net / "y.onnx", {"x": np.zeros((1, 3, 8, 8), np.float32)})["y"].shape == (1, 6, 4, 4)


def test_size_within_a_limit(qconv: Qconv, net: Path) -> None:
    whole = qconv(SIZE, "--max-size", "1MB")
    assert whole.code == 0, whole.err
    eight = (net / "y.onnx").stat().st_size
    assert "all layers in 8 bits" in whole.out
    limit = eight - 2500
    said = qconv(SIZE, "--max-size", f"{limit / 1000}kB", "-f", "--resume")
    assert said.code == 0, said.err
    assert (net / "y.onnx").stat().st_size <= limit
    assert "in 4 bits" in said.out
    assert "layers that lose most in 4 bits, each alone:" in said.out


def test_the_smallest_file_that_holds_a_gate(qconv: Qconv, net: Path) -> None:
    assert qconv(SIZE, "--fail-if", "sqnr_db < 1").code == 0
    least = (net / "y.onnx").stat().st_size
    assert qconv(SIZE, "--fail-if", "sqnr_db < 20", "-f", "--resume").code == 0
    between = (net / "y.onnx").stat().st_size - 16  # settings in the metadata differ
    said = qconv(SIZE, "--fail-if", "sqnr_db < 25", "-f", "--resume")
    assert said.code == 0, said.err
    assert least < between <= (net / "y.onnx").stat().st_size


def test_accuracy_within_a_speed(qconv: Qconv, net: Path) -> None:
    said = qconv(
        "tune net.onnx --data cal.npz --objective accuracy --min-speedup 0.001 -o y.onnx -q"
    )
    assert (said.code, said.out) == (0, "")
    assert float_layers(net / "y.onnx")


@pytest.mark.usefixtures("net")
def test_the_metric_of_the_user_is_the_judge(qconv: Qconv) -> None:
    said = qconv(
        SPEED, "--metric", "metrics.py:close", "--fail-if", "close < 99", "--test", "test.npz"
    )
    assert said.code == 0, said.err
    assert "y.onnx passes: close = 100, must be at least 99" in said.err


def test_what_was_measured_is_kept(qconv: Qconv, net: Path) -> None:
    first = qconv(SPEED, "--fail-if", "sqnr_db < 35")
    assert (net / "y.onnx.trials.json").exists()
    again = qconv(SPEED, "--fail-if", "sqnr_db < 35", "-f", "--resume")
    assert "measured 0 models" in again.out
    assert first.out.splitlines()[-2] == again.out.splitlines()[-2]
    other = qconv(SPEED, "--fail-if", "sqnr_db < 40", "-f", "--resume")
    assert "measured 0 models" in other.out
    (net / "y.onnx.trials.json").write_text("{")
    broken = qconv(SPEED, "--fail-if", "sqnr_db < 35", "-f", "--resume")
    assert broken.code == 3
    assert "y.onnx.trials.json: not the trials of a search, or broken (" in broken.err


def test_an_interrupt_leaves_the_best_file_and_what_was_measured(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qconv.pipeline.kinds.other_kinds", lambda _: ())
    random = np.random.default_rng(0)
    feeds = [{"x": random.standard_normal((1, 3, 8, 8), np.float32)} for _ in range(16)]

    def interrupted(items: Iterable[T], total: int, label: str) -> Iterable[T]:  # noqa: ARG001
        for item in items:
            yield item
            if label == "measuring layers":
                raise KeyboardInterrupt

    goal = Goal("speed", ("sqnr_db < 500",))
    with pytest.raises(KeyboardInterrupt):
        tune("net.onnx", "y.onnx", data=data(feeds), goal=goal, progress=interrupted)
    assert "QuantizeLinear" in op_types(onnx.load(net / "y.onnx"))
    trials = json.loads((net / "y.onnx.trials.json").read_text())["trials"]
    assert len(trials) == 4
    found = tune("net.onnx", "y.onnx", data=data(feeds), goal=goal, resume=True, force=True)
    assert found.trials > 4
    assert found.verdict.exit_code == 1


def test_no_time_leaves_the_file_of_eight_bits(qconv: Qconv, net: Path) -> None:
    said = qconv(SPEED, "--fail-if", "sqnr_db < 35", "--max-time", "0s")
    assert said.code == 1
    assert not float_layers(net / "y.onnx")


def test_nothing_but_its_own_files_is_written(qconv: Qconv, net: Path) -> None:
    before = {path: path.read_bytes() for path in net.iterdir() if path.is_file()}
    assert qconv(SPEED, "--fail-if", "sqnr_db < 35").code == 0
    new = {path.name for path in net.iterdir()} - {path.name for path in before} - {"__pycache__"}
    assert new == {"y.onnx", "y.onnx.trials.json"}
    assert all(path.read_bytes() == content for path, content in before.items())
    (net / "z.onnx").write_text("mine")
    line = SPEED.replace("y.onnx", "z.onnx")
    assert qconv(line, "--fail-if", "sqnr_db < 35").code == 3
    assert (net / "z.onnx").read_text() == "mine"


@pytest.mark.parametrize("name", ["metrics.py", "cal.npz", "test.npz", "net.onnx"])
@pytest.mark.parametrize("option", ["-o", "--json", "--save-plan"])
def test_no_input_is_replaced(qconv: Qconv, net: Path, name: str, option: str) -> None:
    before = (net / name).read_bytes()
    line = SPEED.replace("y.onnx", name) if option == "-o" else f"{SPEED} {option} {name}"
    more = ("--metric", "metrics.py:close", "--fail-if", "close < 1", "--test", "test.npz", "-f")
    said = qconv(line, *more)
    assert said.code == 2
    assert f"{name}: the output would replace the " in said.err
    assert (net / name).read_bytes() == before
    assert not (net / "y.onnx").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (SPEED, "--objective speed needs a gate"),
        (SIZE, "--objective size needs a gate, or --max-size"),
        (SPEED.replace("speed", "accuracy"), "--objective accuracy needs --max-size or"),
        (f"{SIZE} --max-size 3GB", "--max-size is '3GB'; write it as 3MB or 800kB"),
        (f"{SIZE} --max-size 0", "--max-size is 0.0; it must be above 0"),
        (f"{SPEED} --max-time soon", "--max-time is 'soon'; write it as 90s, 10m or 2h"),
        (f"{SPEED} --fail-if nothing>1", "names the unknown metric 'nothing'"),
        (f"{SPEED.replace('cal', 'test')} --fail-if sqnr_db<9", "needs at least 8 samples, but"),
    ],
)
def test_what_is_refused(qconv: Qconv, net: Path, line: str, message: str) -> None:
    said = qconv(line)
    assert said.code == 2
    assert message in said.err.replace("`", "")
    assert not (net / "y.onnx").exists()


def test_a_model_without_outputs_to_compare(qconv: Qconv, net: Path) -> None:
    text = NET.replace("float[N, 6, 4, 4] y)", "int64[N, 1, 4, 4] z)").replace(
        "(s, v) }", "(s, v) z = ArgMax<axis = 1>(y) }"
    )
    save_text(text, net / "net.onnx")
    said = qconv(SPEED, "--fail-if", "size_mb > 1")
    assert said.code == 2
    assert "a search compares float outputs whose shape depends only on the inputs, but" in said.err


def test_layers_are_rounded_in_sequence_where_that_loses_less(qconv: Qconv, net: Path) -> None:
    line = f"{SPEED} --effort best -q --save-plan plan.json"
    for save, effort in ((save_net, "balanced"), (save_deep_net, "best")):
        save(net)
        assert qconv(line, "--fail-if", "sqnr_db < 500", "-f").code == 1
        assert _effort(net) == effort
    assert json.loads((net / "plan.json").read_text())["settings"]["effort"] == "best"


def _effort(folder: Path) -> str:
    made = {each.key: each.value for each in onnx.load(folder / "y.onnx").metadata_props}
    return str(json.loads(made["qconv.settings"])["effort"])


def test_without_time_left_nothing_is_rounded_in_sequence(qconv: Qconv, net: Path) -> None:
    save_deep_net(net)
    assert qconv(SPEED, "--fail-if", "sqnr_db < 500", "-q", "--max-time", "0s").code == 1
    assert _effort(net) == "balanced"


def test_a_page_shows_what_was_found(qconv: Qconv, net: Path) -> None:
    files = "--html page.html --json report.json"
    said = qconv(SIZE, "--fail-if", "sqnr_db < 20", *files.split())
    assert said.code == 0
    page = (net / "page.html").read_text()
    assert "Found by qconv tune for size, among files with 8-bit layers" in page
    assert "Plans that no other one beats, the chosen one with a name" in page
    found = json.loads((net / "report.json").read_text())["search"]
    assert (found["objective"], found["form"]) == ("size", "int4")
    assert [each["chosen"] for each in found["plans"] + found["kinds"]].count(True) == 1
    assert [each["name"] for each in found["kinds"]][1] == "weight-only, 8 bits"
    assert "Files of other kinds" in page
    sizes = [each["size_bytes"] for each in found["plans"]]
    errors = [each["sqnr_db"] for each in found["plans"]]
    assert sizes == sorted(sizes)
    assert errors == sorted(errors)
    assert len(found["layers"]) == 3
    assert [each["sqnr_db"] for each in found["layers"]] == sorted(
        each["sqnr_db"] for each in found["layers"]
    )
