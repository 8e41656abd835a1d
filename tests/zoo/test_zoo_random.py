"""Random graphs: every one converts, runs in integers as planned, and stays near the float one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from qconv.errors import NothingQuantized
from tests.model_helpers import convert_model, parse, random_feeds

ONE = (
    "{o} = Conv<pads = [1, 1, 1, 1]>({a}, w, b)",
    "{o} = Conv<pads = [1, 1, 1, 1]>({a}, w)",
    "{o} = Conv<group = 4, pads = [1, 1, 1, 1]>({a}, d, b)",
    "{o}m = MatMul({a}, m) {o} = Add({o}m, c)",
    "{o} = MatMul({a}, m)",
    "{o} = Relu({a})",
    "{o} = Relu({a})",
    "{o} = Clip({a}, zero, six)",
    "{o} = Clip({a}, minus, six)",
    "{o} = LeakyRelu({a})",
    "{o} = Sigmoid({a})",
    "{o}s = Sigmoid({a}) {o} = Mul({a}, {o}s)",
    "{o}s = HardSigmoid({a}) {o}t = GlobalAveragePool({o}s) {o} = Mul({a}, {o}t)",
    "{o} = Tanh({a})",
    "{o} = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>({a})",
    "{o} = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>({a})",
    "{o} = Transpose<perm = [0, 1, 3, 2]>({a})",
    "{o}r = Reshape({a}, flat) {o} = Reshape({o}r, whole)",
    "{o} = Identity({a})",
    "{o} = Add({a}, k)",
    "{o} = Mul({a}, k)",
    "{o} = BatchNormalization({a}, k1, c1, c1, v)",
    "{o}p, {o}q = Split<axis = 1>({a}, halves) {o} = Concat<axis = 1>({o}q, {o}p)",
    "{o}p, {o}q = Split<axis = 1>({a}, halves) {o} = Concat<axis = 1>({o}q, {o}q)",
    "{o}g = GlobalAveragePool({a}) {o} = Add({a}, {o}g)",
    "{o}g = ReduceMax<axes = [2, 3]>({a}) {o} = Add({a}, {o}g)",
    "{o} = If (yes) <then_branch = t () => (float[1, 4, 6, 6] {o}t) {{ {o}t = Neg({a}) }}, "
    "else_branch = e () => (float[1, 4, 6, 6] {o}e) {{ {o}e = Abs({a}) }}>",
)
TWO = (
    "{o} = Add({a}, {b})",
    "{o} = Add({a}, {b})",
    "{o} = Sub({a}, {b})",
    "{o} = Where(mask, {a}, {b})",
    "{o}c = Concat<axis = 1>({a}, {b}) {o} = Conv({o}c, j)",
    "{o}c = Concat<axis = 1>({a}, {b}) {o} = Slice({o}c, first, last, axis)",
)
WEIGHTS = (
    "float[4, 4, 3, 3] w, float[4] b, float[4, 1, 3, 3] d, float[6, 6] m, float[6] c, "
    "float[4, 8, 1, 1] j, float[4, 1, 1] k, float[4] k1 = {1, 0.5, 2, -1}, float[4] c1, "
    "float[4] v = {1, 2, 0.5, 1}, float zero = {0}, float six = {1.5}, float minus = {-0.7}, "
    "int64[2] flat = {1, -1}, int64[4] whole = {1, 4, 6, 6}, int64[2] halves = {2, 2}, "
    "int64[1] first = {1}, int64[1] last = {5}, int64[1] axis = {1}, bool yes = {1}, "
    "bool[6] mask = {1, 0, 1, 1, 0, 1}"
)


@st.composite
def graphs(draw: st.DrawFn) -> str:
    body, values = [], ["x", "z"]
    for index in range(draw(st.integers(2, 14))):
        nearby = st.sampled_from(values[-4:])
        body.append(
            draw(st.sampled_from(ONE + TWO * 2)).format(
                a=draw(nearby), b=draw(nearby), o=f"v{index}"
            )
        )
        values.append(f"v{index}")
    outputs = {values[-1], *draw(st.sets(st.sampled_from(values[2:]), max_size=2))}
    inputs = ", ".join(f"float[1, 4, 6, 6] {name}" for name in "xz")
    results = ", ".join(f"float[1, 4, 6, 6] {name}" for name in sorted(outputs))
    return f"({inputs}) => ({results}) <{WEIGHTS}> {{ {' '.join(body)} }}"


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(graphs())
def test_random_graphs(text: str) -> None:
    model = parse(text)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = convert_model(model, Path(folder), feeds=random_feeds(model, count=4))
        except NothingQuantized:
            reject()
    assert set(found.misses) <= {
        ("Split", "one of its outputs is unused; the runtime needs a QuantizeLinear at each")
    }
    for decibels in found.sqnr.values():
        assert decibels > 15
