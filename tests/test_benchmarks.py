"""What the benchmarks stand on: measured processes, feeds for other tools, judges."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.every_type import convert_all
from benchmarks.judges import judge_of
from benchmarks.peers.feeds import FeedReader, write_feed
from benchmarks.peers.makers import MAKERS, Maker
from benchmarks.processes import ProcessError, measure
from tests.model_helpers import parse, save

DIGITS = Path("sample_models/digits_cnn")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('too large. Take less.')", "ValueError: too large"),
        ("assert False", "AssertionError in <string>, line 1"),
        ("import sys; sys.exit(3)", "failed with exit code 3"),
        ("import time; time.sleep(60)", "ended after 1 s"),
    ],
)
def test_a_failure_is_one_sentence(code: str, message: str) -> None:
    with pytest.raises(ProcessError, match=f"^{message}$"):
        measure(["-c", code], limit=1)


def test_memory_is_that_of_the_process_alone() -> None:
    held = np.ones(40_000_000, np.uint8)
    assert measure(["-c", "pass"]).memory < held.nbytes / 1e6
    assert measure(["-c", "x = bytearray(80_000_000)"]).memory > 80


def test_feeds_are_read_in_order_and_again(tmp_path: Path) -> None:
    for index in range(12):
        write_feed(tmp_path, index, {"a": np.full((1, 2), index), "b": np.zeros(index)})
    reader = FeedReader(str(tmp_path))
    assert reader.get_first()["a"].tolist() == [[0, 0]]
    found = []
    while (feed := reader.get_next()) is not None:
        assert feed["b"].shape == (feed["a"][0, 0],)
        found.append(int(feed["a"][0, 0]))
    assert found == list(range(12))
    reader.rewind()
    assert reader.get_next() is not None


def test_a_tool_works_on_a_copy(tmp_path: Path) -> None:
    tool, folder = tmp_path / "tool.py", tmp_path / "files"
    tool.write_text(
        "import sys\n"
        "for name in (*sys.argv[1:], 'left behind'):\n"
        "    open(name, 'w').write('changed')\n"
    )
    folder.mkdir()
    model, output = folder / "model.onnx", folder / "out.onnx"
    model.write_text("weights")
    maker = Maker("any", None, f"{tool} {{model}} {{output}}")
    assert maker.make(Path(sys.executable), model, "", folder, output, 60.0).wall > 0
    assert (model.read_text(), output.read_text()) == ("weights", "changed")
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "out.onnx"]


def test_rows_have_names_of_their_own() -> None:
    names = [maker.name for maker in MAKERS]
    assert len(set(names)) == len(names)


def test_the_float_model_is_judged_without_error() -> None:
    judge = judge_of("data", DIGITS / "model.onnx", str(DIGITS / "test.npz"), 20)
    [numbers] = judge([DIGITS / "model.onnx"])
    assert numbers["agreement"] == 100
    assert numbers["sqnr_db"] > 100
    assert {"top1", "plain_sqnr_db", "kl"} <= numbers.keys()
    assert len(judge.timed()[0].feeds) == 8


def test_the_worst_output_counts_in_both_ways_of_computing(tmp_path: Path) -> None:
    """An exact output of 60 dB more power does not hide one with 20 dB of noise."""
    text = (
        "(float[N, 4] x) => (float[N, 4] y, float[N, 4] z) "
        "<float strong = {{1000}}, float weak = {{{weak}}}> "
        "{{ y = Mul(x, strong) z = Mul(x, weak) }}"
    )
    model, variant = (
        save(parse(text.format(weak=weak)), tmp_path, f"{weak}.onnx") for weak in (1.0, 1.1)
    )
    np.savez(tmp_path / "test.npz", x=np.eye(4, dtype=np.float32))
    [numbers] = judge_of("data", model, str(tmp_path / "test.npz"), None)([variant])
    assert numbers["sqnr_db"] == pytest.approx(20, abs=1e-3)
    assert numbers["plain_sqnr_db"] == pytest.approx(20, abs=1e-3)


def test_a_type_is_written_and_right_or_refused_with_a_sentence(tmp_path: Path) -> None:
    model, data = DIGITS / "model.onnx", str(DIGITS / "test.npz")
    right, refused = convert_all(model, data, tmp_path, samples=2, types=["uint8", "fp32"])
    assert (right.code, right.sentence, right.fault) == (0, "", "")
    assert right.sqnr_db > 40
    assert right.megabytes == pytest.approx(0.22, abs=0.01)
    assert (refused.code, refused.fault) == (4, "")
    assert refused.sentence == f"{model}: it holds no float64, float16 or bfloat16"
