"""The simulated model rounds each value as NumPy does, wherever it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest

import qconv
from qconv.data import Sample
from qconv.evaluation.simulation import HalfSimulation
from qconv.graph.model_io import model_to_bytes, read_model
from qconv.graph.prepare import normalize
from qconv.recipe.settings import HalfSettings, HalfType
from qconv.rewrite.simulate import simulate_half
from qconv.runtime.session import open_session, write_optimized
from tests.model_helpers import parse, save

Array = np.ndarray

PRODUCTS = """(float[4,8] x, float[4,8] z) => (float[4,8] y) <float[8] w, float[8] b>
    { p = Mul(x, w) s = Add(p, b) d = Div(s, z) r = Relu(d) q = Sub(r, x) y = Mul(q, q) }"""

BRANCHES = """(bool c, float[4,8] x) => (float[4,8] y) <float[8] w>
    { p = Mul(x, w)
      i = If(c) <then_branch = t () => (float[4,8] u)
                    <float[8] k = {0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8}>
                    { a = Mul(p, k) u = Mul(a, p) },
                 else_branch = e () => (float[4,8] v) { v = Add(p, x) }>
      y = Mul(i, w) }"""

LOOP = """(float[8] x) => (float[8] y) <float[8] w, int64 n = {4}, bool yes = {1}>
    { y = Loop(n, yes, x) <body = b (int64 i, bool go, float[8] s) => (bool on, float[8] t)
        { on = Identity(go) p = Mul(s, w) t = Add(p, s) }> }"""


def _half(tmp_path: Path, text: str, settings: HalfSettings) -> tuple[Path, dict[str, Array]]:
    """Convert a model; return its path and the float32 weights of the main graph."""
    model = parse(text)
    path = tmp_path / "half.onnx"
    qconv.convert(save(model, tmp_path), path, settings=settings)
    return path, {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}


def _simulated(path: Path, feeds: dict[str, Array]) -> Array:
    simulation = HalfSimulation.of(path)
    assert simulation is not None
    return simulation.runner.run(Sample(feeds, None, "a test"))["y"]


def _numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("convert_io", [False, True])
@pytest.mark.parametrize(("dtype", "half"), [("fp16", np.float16), ("bf16", ml_dtypes.bfloat16)])
def test_a_chain_rounds_at_each_step(
    tmp_path: Path, dtype: str, half: type[np.generic], convert_io: bool
) -> None:
    kind: HalfType = "fp16" if dtype == "fp16" else "bf16"
    settings = HalfSettings(kind, io=kind if convert_io else "fp32")
    path, weights = _half(tmp_path, PRODUCTS, settings)
    x, z = _numbers(4, 8), _numbers(4, 8, seed=1)
    h, w, b, k = (array.astype(half) for array in (x, weights["w"], weights["b"], z))
    quotient = (h * w + b) / k
    difference = np.maximum(quotient, half(0)) - h
    expected = (difference * difference).astype(np.float32)
    found = _simulated(path, {"x": x, "z": z})
    np.testing.assert_array_equal(found, expected)
    exact = np.maximum((x * weights["w"] + weights["b"]) / z, 0) - x
    assert (found != exact * exact).any()


def test_branches_round(tmp_path: Path) -> None:
    path, weights = _half(tmp_path, BRANCHES, HalfSettings())
    x = _numbers(4, 8)
    h, w = x.astype(np.float16), weights["w"].astype(np.float16)
    k = np.linspace(0.1, 0.8, 8).astype(np.float32).astype(np.float16)
    product = h * w
    for branch, inner in ((True, product * k * product), (False, product + h)):
        found = _simulated(path, {"c": np.array(branch), "x": x})
        np.testing.assert_array_equal(found, (inner * w).astype(np.float32))


def test_loops_round(tmp_path: Path) -> None:
    path, weights = _half(tmp_path, LOOP, HalfSettings())
    x = _numbers(8)
    state, w = x.astype(np.float16), weights["w"].astype(np.float16)
    for _ in range(4):
        state = state * w + state
    np.testing.assert_array_equal(_simulated(path, {"x": x}), state.astype(np.float32))


def test_kept_operators_do_not_round(tmp_path: Path) -> None:
    text = """(float[8] x) => (float[8] y) <float[8] w, float[8] v, float[8] u, float[8] t>
        { p = Mul(x, w) [exact1] q = Mul(p, v) [exact2] r = Mul(q, u) y = Mul(r, t) }"""
    path, weights = _half(tmp_path, text, HalfSettings(float_layers=("exact",), io="fp16"))
    x = _numbers(8)
    w, t = weights["w"].astype(np.float16), weights["t"].astype(np.float16)
    inner = (x.astype(np.float16) * w).astype(np.float32) * weights["v"] * weights["u"]
    expected = (inner.astype(np.float16) * t).astype(np.float32)
    np.testing.assert_array_equal(_simulated(path, {"x": x}), expected)


def test_overflow_is_an_infinity(tmp_path: Path) -> None:
    text = "(float[2] x) => (float[2] y) <float[2] w = {300, 300}> { p = Mul(x, w) y = Tanh(p) }"
    path, _ = _half(tmp_path, text.replace("Tanh(p)", "Sub(p, p)"), HalfSettings())
    found = _simulated(path, {"x": np.array([1, 300], np.float32)})
    np.testing.assert_array_equal(found, [0, np.nan])


def test_the_runtime_keeps_the_pairs(tmp_path: Path) -> None:
    """Each rounded value still goes through float16 after all optimizations."""
    path, _ = _half(tmp_path, PRODUCTS, HalfSettings())
    model = normalize(read_model(path))
    names = simulate_half(model)
    assert sorted(names)[:4] == ["d", "p", "q", "s"]
    optimized = tmp_path / "optimized.onnx"
    write_optimized(model_to_bytes(model), optimized)
    graph = onnx.load(optimized).graph
    targets = [
        node.attribute[0].i for node in graph.node if node.op_type == "Cast" and node.attribute
    ]
    narrow = sum(target == ir.DataType.FLOAT16 for target in targets)
    assert narrow == len(names) == 7
    assert sum(target == ir.DataType.FLOAT for target in targets) == narrow


def test_other_models_are_not_simulated(tmp_path: Path) -> None:
    model = parse("(float[2,64] x) => (float[2,4] y) <float[64,4] w> { y = MatMul(x, w) }")
    path, stored = save(model, tmp_path), tmp_path / "stored.onnx"
    assert HalfSimulation.of(path) is None
    qconv.convert(path, stored, settings=HalfSettings("bf16", storage_only=True))
    assert HalfSimulation.of(stored) is None


CLAMPED = """(float[4,8] x) => (float[4,8] y, float[4,8] z) <float[8] w, float[8] b,
    float lo = {-0.7}, float hi = {1.3}>
    { p = Mul(x, w) c = Clip(p, lo, hi) s = Add(c, b) r = Relu(s) q = Sub(r, x)
      y = Clip(q, lo, hi) t = Mul(q, q) z = Relu(t) }"""


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_rounding_behind_a_clip_changes_no_bit(
    tmp_path: Path, dtype: Literal["fp16", "bf16"]
) -> None:
    path, _ = _half(tmp_path, CLAMPED, HalfSettings(dtype))
    late, early = (normalize(read_model(path)) for _ in range(2))
    simulate_half(late, clamped=True)
    simulate_half(early)
    casts = [sum(node.op_type == "Cast" for node in model.graph) for model in (late, early)]
    assert casts[0] < casts[1]
    sessions = [open_session(model_to_bytes(model)) for model in (late, early)]
    for size in (1, 1e3, 1e5):
        feeds = {"x": (_numbers(4, 8) * size).astype(np.float32)}
        for one, other in zip(*(session.run(None, feeds) for session in sessions), strict=True):
            np.testing.assert_array_equal(one, other)
