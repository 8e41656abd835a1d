"""What the operators behind a value make of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qconv.calibration.responses import find_responses
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.observers.distribution import Distribution, Floats
from qconv.observers.value import ValueStatistics
from tests.model_helpers import parse, save

HEAD = "(float[N, 4, 6, 6] x) => (float[N, 4, 6, 6] y)"
SILU = "s = Sigmoid(v) g = Mul(v, s)"


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _silu(x: Floats) -> Floats:
    return x * _sigmoid(x)


def _hard_swish(x: Floats) -> Floats:
    return x * np.clip(x + 3, 0, 6) / 6


CASES: dict[str, tuple[str, str, list[Callable[[Floats], Floats]]]] = {
    "silu": (f"{SILU} y = Conv(g, k)", "", [_silu]),
    "hard swish, written out": (
        "a = Add(v, three) c = Clip(a, zero, six) m = Mul(v, c) g = Div(m, six) y = Neg(g)",
        "float three = {3}, float zero = {0}, float six = {6}",
        [lambda x: -_hard_swish(x)],
    ),
    "behind a concat": ("c = Concat<axis = 1>(v, x) g = Sigmoid(c) y = Conv(g, w)", "", [_sigmoid]),
    "two gates": (
        f"{SILU} t = Tanh(v) p = Conv(g, k) q = Conv(t, k) y = Add(p, q)",
        "",
        [_silu, np.tanh],
    ),
    "a gate and a layer": (
        f"{SILU} p = Conv(g, k) q = Conv(v, k) y = Add(p, q)",
        "",
        [lambda x: x, _silu],
    ),
    "a gate of another value": ("s = Sigmoid(x) y = Mul(v, s)", "", []),
    "a gate of another half": (
        "a, b = Split<axis = 1>(v, halves) s = Sigmoid(a) g = Mul(b, s) y = Concat<axis = 1>(g, g)",
        "int64[2] halves = {2, 2}",
        [lambda x: x, _sigmoid],
    ),
    "a slope for each channel": (
        "g = PRelu(v, k1) y = Conv(g, k)",
        "float[4, 1, 1] k1",
        [],
    ),
    "no number": ("g = Log(v) y = Conv(g, k)", "", []),
    "a branch": (
        "y = If(f) <then_branch = t () => (float[N, 4, 6, 6] p) { p = Sigmoid(v) }, "
        "else_branch = e () => (float[N, 4, 6, 6] q) { q = Relu(v) }>",
        "bool f = {1}",
        [_sigmoid],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_responses(tmp_path: Path, name: str) -> None:
    body, weights, functions = CASES[name]
    weights = ", ".join(filter(None, ("float[4, 8, 1, 1] w, float[4, 4, 1, 1] k", weights)))
    text = f"{HEAD} <{weights}> {{ v = Conv<pads = [1, 1, 1, 1]>(x, k3) {body} }}"
    model = parse(text.replace("<float", "<float[4, 4, 3, 3] k3, float", 1))
    prepared = prepare(load_model(save(model, tmp_path)).ir)
    statistics = ValueStatistics()
    data = 4 * np.random.default_rng(0).standard_normal((1, 5000), np.float32)
    statistics.update(data, None, histogram=True)
    found = find_responses(prepared, {"v": statistics}, ["v"]).get("v", ())
    points = Distribution.of(statistics).points
    assert len(found) == len(functions)
    for function in functions:
        expected, slopes = function(points), np.gradient(function(points), points)
        assert any(
            np.allclose(each.values, expected, atol=1e-5)
            and np.abs(each.slopes - slopes).mean() < 0.05
            for each in found
        )


def test_values_without_histograms_are_left_out(tmp_path: Path) -> None:
    path = save(parse(f"{HEAD} {{ v = Neg(x) {SILU} y = Exp(g) }}"), tmp_path)
    prepared = prepare(load_model(path).ir)
    assert find_responses(prepared, {"v": ValueStatistics()}, ["v"]) == {}
