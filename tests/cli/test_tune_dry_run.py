"""qconv tune --dry-run: what layers lose, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from qconv.conversions.causes import cause_of
from qconv.conversions.workbench import Workbench
from qconv.pipeline.starting import start_search
from qconv.progress import no_progress
from tests.cli.cli_helpers import Qconv
from tests.guides.planted import even
from tests.model_helpers import data


def test_a_dry_run_shows_what_layers_lose_and_why_and_writes_nothing(
    qconv: Qconv, net: Path
) -> None:
    before = sorted(net.iterdir())
    goal = "--objective speed --fail-if sqnr_db<35"
    said = qconv(f"tune net.onnx --data cal.npz {goal} --dry-run -q")
    assert said.code == 0, said.err
    assert sorted(net.iterdir()) == before
    title, *lines, legend, worst = said.out.splitlines()
    assert title == (
        "SQNR of the outputs with one layer in 8 bits, all others in float, and the main reason "
        "for its loss:"
    )
    assert lines[0].split("  ")[-1].startswith("Conv:a: few levels; in float ")
    assert lines[0].endswith(" % of the float model's time")
    losses = [float(line.split()[0]) for line in lines]
    assert losses == sorted(losses)
    assert legend.startswith("clipped: its input has numbers outside the range. few levels: ")
    assert worst.startswith("Conv:a makes ")
    assert worst.endswith("; qconv convert --layers '^Conv:a$=float' keeps it in float")
    small = qconv("tune net.onnx --data cal.npz --objective size --max-size 1MB --dry-run -q")
    assert small.code == 0, small.err
    assert small.out.startswith("SQNR of the outputs with one layer in 4 bits, all others in 8, ")
    shown = small.out.splitlines()[1:-2]
    assert len(shown) == 3
    assert all(line.endswith(("kB more", "bytes more")) for line in shown)


def test_it_says_that_no_layer_stands_out(qconv: Qconv, folder: Path) -> None:
    even(folder)
    said = qconv("tune model.onnx --data cal.npz --objective accuracy --min-speedup 1 --dry-run -q")
    powers = [10 ** (-float(line.split()[0]) / 10) for line in said.out.splitlines()[1:-2]]
    share = round(100 * max(powers) / sum(powers))
    assert 33 < share < 50
    worst = said.out.splitlines()[-1]
    assert worst == f"no layer makes half of these errors: the worst makes {share} %"


def test_the_cause_of_a_loss(net: Path) -> None:
    """Coarse steps, a range that is too small, and weights of many sizes, one after the other."""
    feeds = [{"x": image[None]} for image in np.load(net / "cal.npz")["x"]]
    started = start_search(net / "net.onnx", data(feeds), "fast", None, no_progress)
    work = Workbench(started.work, started.kind).work
    assert cause_of(work, "Conv:a") == "few levels"
    whole = work.params["x"]
    work.params["x"] = replace(whole, scale=whole.scale / np.float32(100))
    assert cause_of(work, "Conv:a") == "clipped"
    work.params["x"] = whole
    weight = np.random.default_rng(0).normal(size=(64, 3, 3, 3)).astype(np.float32)
    work.model.graph.initializers["w"].const_value = ir.tensor(weight)
    assert cause_of(work, "Conv:a") == "weights"


@pytest.mark.usefixtures("net")
def test_a_file_to_write_is_asked_for(qconv: Qconv) -> None:
    said = qconv("tune net.onnx --data cal.npz --objective size --max-size 1MB")
    assert said.code == 2
    assert "-o FILE is missing" in said.err
    assert "--dry-run shows the layers without one" in said.err
