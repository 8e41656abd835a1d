"""What the runs over ONNX's node models find, on two small models."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.seeds import Seed
from tests.fuzz.worker import import_all
from tests.model_helpers import parse, save
from tests.nodes.judge import judge
from tests.nodes.sweep import COMMANDS, run

TEXT = "(float[4, 64] x) => (float[4, 64] y) <float[64, 64] w> { h = MatMul(x, w) y = Relu(h) }"
FEEDS = {"x": np.random.default_rng(0).standard_normal((4, 64), np.float32)}


@pytest.fixture(scope="module", autouse=True)
def _imports() -> None:
    """Children are forked from a process that holds the imports; some libraries warn in them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_all()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_sound_model(command: str) -> None:
    end = run(Seed("product", parse(TEXT).SerializeToString(), (FEEDS,)), command)
    assert (end.code, end.wrong) == (0, ())


def test_a_model_that_the_runtime_does_not_load() -> None:
    text = """(float[1, 3, 2] x) => (float[1, 3, 1, 4] y) <float[1, 4, 2] w, float[1, 4, 4] r>
        { y = RNN<layout = 1, hidden_size = 4>(x, w, r) }"""
    end = run(Seed("batchwise", parse(text).SerializeToString(), ()), "fp16")
    assert (end.code, end.wrong) == (3, ())
    assert "ONNX Runtime cannot load it" in end.told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT.replace("y = Relu(h)", "y = Neg(h)"), "'y' is -"),
        (TEXT.replace("y = Relu(h)", "y = Reshape(h, w)"), "the checker rejects it: "),
        (TEXT.replace("y = Relu(h)", "y = com.microsoft.Nothing(h)"), "it does not load: "),
    ],
)
def test_a_file_that_is_wrong(text: str, found: str, tmp_path: Path) -> None:
    original = save(parse(TEXT), tmp_path, "original.onnx")
    written = save(parse(text), tmp_path, "written.onnx")
    assert judge(original, original, FEEDS, near=60) == []
    assert judge(original, written, FEEDS, near=20)[0].startswith(found)
