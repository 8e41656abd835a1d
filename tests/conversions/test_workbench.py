"""Models that a search puts together are those that a conversion would write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.algorithms.rounding import round_weight
from qconv.conversions import workbench
from qconv.conversions.workbench import Form, Workbench
from qconv.graph.model_io import ModelBytes
from qconv.pipeline import convert
from qconv.pipeline.starting import start_search
from qconv.progress import no_progress
from qconv.recipe.settings import Int8Settings
from qconv.runtime.session import InferenceSession, open_session
from tests.model_helpers import data, op_types, parse, random_feeds, save

WORDS = """(int64[N, T] ids) => (float[N, T, 24] y)
<float[300, 64] words, float[64, 64] v, float[64, 24] w>
{ e = Gather(words, ids) s = MatMul(e, v) r = Relu(s) y = MatMul(r, w) }"""


BRANCHES = """(float[N, 8] x, bool flag) => (float[N, 8] y)
<float[8, 32] v, float[32, 32] u, float[32, 8] w> {
  s = MatMul(x, v)
  r = Relu(s)
  b = If(flag) <then_branch = t () => (float[N, 32] p) { o = Relu(r) p = MatMul(o, u) },
    else_branch = e () => (float[N, 32] q) { q = Identity(r) }>
  y = MatMul(b, w)
}"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[onnx.ModelProto]:
    """The models that are loaded to be judged and timed."""
    found = []

    def noted(model: ModelBytes, *, threads: int) -> InferenceSession:
        found.append(onnx.load_from_string(model.content))
        return open_session(model, threads=threads)

    monkeypatch.setattr(workbench, "open_session", noted)
    return found


def test_they_compute_nothing_that_nobody_reads(
    tmp_path: Path, opened: list[onnx.ModelProto]
) -> None:
    """The runtime would compute it, so that times would be those of other models."""
    model = parse(WORDS)
    path = save(model, tmp_path)
    feeds = [{"ids": feed["ids"] % 300} for feed in random_feeds(model, {"N": (2,), "T": (3, 5)})]
    started = start_search(path, data(feeds * 4), "fast", None, no_progress)
    bench = Workbench(started.work, started.kind)
    layers = bench.layers
    bench.slowness({layers[1]: Form.FLOAT})
    settings = Int8Settings(effort="fast")
    convert(path, tmp_path / "y.onnx", data=data(feeds * 4), settings=settings)
    assert op_types(opened[0]) == op_types(onnx.load(tmp_path / "y.onnx"))
    for found in opened:
        read = {name for node in found.graph.node for name in node.input}
        read.update(output.name for output in found.graph.output)
        assert all(read.intersection(node.output) for node in found.graph.node)


def test_embeddings_are_rounded_once(
    tmp_path: Path, opened: list[onnx.ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = parse(WORDS)
    path = save(model, tmp_path)
    feeds = [{"ids": feed["ids"] % 300} for feed in random_feeds(model, {"N": (2,), "T": (3, 5)})]
    rounded = []

    def counted(*arguments: object, **named: object) -> object:
        rounded.append(arguments)
        return round_weight(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("qconv.conversions.weights.weight_rounder.round_weight", counted)
    started = start_search(path, data(feeds * 4), "fast", None, no_progress)
    bench = Workbench(started.work, started.kind)
    count = len(rounded)
    for layer in bench.layers:
        assert bench.judge({layer: Form.FLOAT}) is not None
    assert count == len(rounded) > 0
    tables = [
        next(
            onnx.numpy_helper.to_array(i) for i in m.graph.initializer if i.name.startswith("words")
        )
        for m in opened
    ]
    assert all(np.array_equal(tables[0], table) for table in tables)


def test_branches_that_the_data_never_took(tmp_path: Path) -> None:
    """They have no ranges, and stay float whatever else does."""
    path = save(parse(BRANCHES), tmp_path)
    random = np.random.default_rng(0)
    feeds = [
        {"x": random.standard_normal((2, 8), np.float32), "flag": np.array(False)} for _ in range(8)
    ]
    started = start_search(path, data(feeds), "fast", None, no_progress)
    bench = Workbench(started.work, started.kind)
    assert len(bench.layers) == 2
    for layer in bench.layers:
        assert bench.judge({layer: Form.FLOAT}) is not None
