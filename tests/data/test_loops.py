"""Functions that run the model themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from qconv.data import LoopData, Source, bind, open_any, open_data
from qconv.data.source import Array, Feeds
from qconv.errors import DataError, ModelError
from tests.data.data_helpers import drain, refusal, spec

INPUTS = [spec("x", ("n",)), spec("state", ("n",))]
COUNTING = """
    def loop(run):
        state = np.zeros(1, np.float32)
        for i in range(6):
            feeds = {"x": np.full(1, i, np.float32), "state": state, "more": "ignored"}
            state = run(feeds)["next"]
            yield feeds, i % 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def script(text: str) -> None:
    Path("s.py").write_text("import numpy as np\n" + dedent(text), encoding="utf-8")


def total(feeds: Feeds) -> Mapping[str, Array]:
    """A model that adds up what it is fed."""
    return {"next": feeds["x"].astype(np.float32) + feeds["state"].astype(np.float32)}


def opened(samples: int | None = None) -> Source:
    return bind(open_any(["s.py:loop"], INPUTS, samples=samples), total)


def refused() -> tuple[str, str | None]:
    return refusal(DataError, lambda: drain(opened()))


def test_the_state_is_what_the_model_gave() -> None:
    script(COUNTING)
    source = opened()
    assert len(source) == 6
    for _ in range(2):
        samples = drain(source)
        assert [float(sample.feeds["state"][0]) for sample in samples] == [0, 0, 1, 3, 6, 10]
        assert [sample.label for sample in samples] == [0, 1] * 3
        assert [set(sample.feeds) for sample in samples] == [{"x", "state"}] * 6
        assert samples[2].origin == "s.py:loop[2]"


def test_each_model_carries_its_own_state() -> None:
    script(COUNTING)
    data = open_any(["s.py:loop"], INPUTS)
    assert isinstance(data, LoopData)

    def twice(feeds: Feeds) -> Mapping[str, Array]:
        return {"next": 2 * total(feeds)["next"]}

    pairs = zip(data.bound(total), data.bound(twice), strict=True)
    states = [(float(a.feeds["state"][0]), float(b.feeds["state"][0])) for a, b in pairs]
    assert states[:4] == [(0, 0), (0, 0), (1, 2), (3, 8)]


def test_some_samples_of_a_loop_that_runs_all() -> None:
    script(COUNTING)
    samples = drain(opened(samples=3))
    assert [float(sample.feeds["state"][0]) for sample in samples] == [0, 1, 6]


def test_what_is_fed_is_copied() -> None:
    script(
        """
        def loop(run):
            feeds = {"x": np.zeros(1, np.float32), "state": np.zeros(1, np.float32)}
            for i in range(3):
                feeds["x"] += 1
                run(feeds)["next"][:] = 0
                yield feeds
        """
    )
    assert [float(sample.feeds["x"][0]) for sample in drain(opened())] == [1, 2, 3]


def test_beside_other_data() -> None:
    script(COUNTING)
    np.savez("a.npz", x=np.ones((2, 1), np.float32), state=np.ones((2, 1), np.float32))
    inputs = [spec("x", (1,)), spec("state", (1,))]
    source = bind(open_any(["a.npz", "s.py:loop"], inputs), total)
    assert len(drain(source)) == len(source) == 8


def test_a_loop_that_yields_what_it_did_not_run() -> None:
    script(
        """
        def loop(run):
            run({"x": np.zeros(1, np.float32), "state": np.zeros(1, np.float32)})
            yield {"x": np.zeros(1, np.float32), "state": np.zeros(1, np.float32)}
        """
    )
    assert refused() == (
        "s.py:loop[0]: yielded feeds that are not those it ran last",
        "outputs = run(feeds), then yield feeds, or (feeds, label), of the same dict",
    )


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ("[1]", "s.py:loop: run was given list; it takes a dict (name -> array)"),
        (
            "{'x': np.zeros(1, np.float32)}",
            "s.py:loop: run: no array for the model's input 'state'; found 'x'; "
            "expected 'x', 'state'",
        ),
        (
            "{'x': np.zeros((1, 1), np.float32), 'state': np.zeros(1, np.float32)}",
            "s.py:loop: run: array 'x' has shape [1, 1]; the model's input 'x' is float32 [n]",
        ),
    ],
)
def test_feeds_that_do_not_fit(feeds: str, message: str) -> None:
    script(f"def loop(run):\n    run({feeds})\n    yield {{}}\n")
    assert refused()[0] == message


def test_an_error_of_the_model_is_not_one_of_the_script() -> None:
    script(COUNTING)

    def broken(feeds: Feeds) -> Mapping[str, Array]:
        raise ModelError(f"fails on {sorted(feeds)}")

    data = open_any(["s.py:loop"], INPUTS)
    with pytest.raises(ModelError, match="fails on"):
        bind(data, broken)


def test_an_error_of_the_script_tells_its_line() -> None:
    script("def loop(run):\n    yield 1 / 0\n")
    assert refused()[0] == "s.py:loop: ZeroDivisionError: division by zero (s.py, line 3)"


def test_a_loop_that_yields_nothing() -> None:
    script("def loop(run):\n    yield from ()\n")
    assert refused()[0] == "s.py:loop: yields no feeds"


def test_a_loop_needs_a_model() -> None:
    script(COUNTING)
    assert refusal(DataError, lambda: open_data(["s.py:loop"], INPUTS)) == (
        "s.py:loop: a function with a parameter 'run' needs a model",
        "pass it to qconv by name: data='script.py:function'",
    )
