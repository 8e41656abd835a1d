"""Which values may be scaled together, and which may not."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
import pytest

from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.placement.groups import find_groups
from qconv.placement.place import place
from qconv.placement.plan import ScaleGroup
from qconv.placement.targets.ort_cpu import ORT_CPU
from tests.model_helpers import parse, save

WEIGHTS = (
    "float[8, 4, 3, 3] w, float[8] b, float[8, 8, 3, 3] w2, float[8, 8, 1, 1] w3, "
    "float[8, 1, 3, 3] d, float[8, 4, 3, 3] h, float[8, 5] m, float[5] c, float[5, 8] t, "
    "float[8, 8] n, float[8, 1, 1] k, float[8, 1, 1] p, float zero = {0}, float six = {6}, "
    "int64[8] pads = {0, 0, 1, 1, 0, 0, 1, 1}, bool yes = {1}"
)
CONV = "a = Conv<pads = [1, 1, 1, 1]>(x, w, b)"
ROWS = "g = GlobalAveragePool(r) f = Flatten(g) y = Gemm<transB = 1>(f, t, c)"


def _groups(
    body: str, folder: Path, inputs: str = "float[N, 4, 9, 9] x", outputs: str = "float[N, 5] y"
) -> tuple[ScaleGroup, ...]:
    model = parse(f"({inputs}) => ({outputs}) <{WEIGHTS}> {{ {body} }}")
    return find_groups(prepare(load_model(save(model, folder)).ir))


LINKS = {
    "Relu": "r = Relu(a)",
    "clip without an upper bound": "r = Clip(a, zero)",
    "LeakyRelu": "r = LeakyRelu<alpha = 0.3>(a)",
    "PRelu": "r = PRelu(a, p)",
    "MaxPool": "r = MaxPool<kernel_shape = [2, 2]>(a)",
    "AveragePool": "r = AveragePool<kernel_shape = [2, 2]>(a)",
    "zeros around a map": "q = Relu(a) r = Pad(q, pads)",
    "a constant of each channel": "q = Relu(a) r = Add(q, k)",
    "nothing": "r = Conv(a, w3)",
}


@pytest.mark.parametrize("name", LINKS)
def test_channels_are_scaled_through_what_keeps_them(tmp_path: Path, name: str) -> None:
    groups = _groups(f"{CONV} {LINKS[name]} {ROWS}", tmp_path)
    assert [group.channels for group in groups] == [8] * len(groups)
    read = {reader.node for group in groups for reader in group.readers}
    assert len(read) == (2 if name == "nothing" else 1)
    assert {"a", "r", "g", "f"} <= {value for group in groups for value in group.values}


def test_a_residual_stream_is_one_group(tmp_path: Path) -> None:
    body = (
        f"{CONV} o = Relu(a) q = Conv<pads = [1, 1, 1, 1]>(o, w2) u = Add(q, o) "
        f"e = Conv<group = 2, pads = [1, 1, 1, 1]>(u, h) r = Add(e, u) {ROWS}"
    )
    (group,) = _groups(body, tmp_path)
    assert list(group.values) == ["a", "o", "q", "u", "e", "r", "g", "f"]
    assert len(group.writers) == 3
    upstream = [reader.upstream for reader in group.readers]
    assert upstream[0] == {"a", "o"}
    assert upstream[1] == {"a", "o", "q", "u"}
    assert upstream[2] == set(group.values)


def test_a_depthwise_layer_reads_one_group_and_gives_another(tmp_path: Path) -> None:
    first, second = _groups(f"{CONV} o = Relu(a) r = Conv<group = 8>(o, d) {ROWS}", tmp_path)
    assert first.readers[0].node == second.writers[0]


def test_products_of_tokens(tmp_path: Path) -> None:
    body = "u = MatMul(x, n) v = Add(u, c8) r = Relu(v) y = MatMul(r, m)"
    model = parse(f"(float[N, T, 8] x) => (float[N, T, 5] y) <{WEIGHTS}, float[8] c8> {{ {body} }}")
    (group,) = find_groups(prepare(load_model(save(model, tmp_path)).ir))
    assert group.values == {"u": 2, "v": 2, "r": 2}
    assert len(group.sums) == 1


REFUSED = {
    "an upper bound": f"{CONV} r = Clip(a, zero, six) {ROWS}",
    "another operator": f"{CONV} r = Sigmoid(a) {ROWS}",
    "another reader": f"{CONV} r = Relu(a) s = Softmax(r) u = GlobalAveragePool(s) "
    "v = Flatten(u) z = Gemm(v, m) g = GlobalAveragePool(r) f = Flatten(g) "
    "e = Gemm<transB = 1>(f, t, c) y = Sub(e, z)",
    "a shared weight": f"{CONV} r = Relu(a) q = Conv<pads = [1, 1, 1, 1]>(r, w2) o = Sigmoid(q) "
    "u = Conv(o, w2) g = GlobalAveragePool(u) f = Flatten(g) e = Sigmoid(f) y = Gemm(e, m)",
    "a shared bias": "a = Conv(x, w, b) r = Relu(a) u = Conv(x, h2, b) s = Sigmoid(u) "
    "o = Conv(r, w2) q = Sigmoid(o) g = GlobalAveragePool(q) i = GlobalAveragePool(s) "
    "j = Mul(g, i) f = Flatten(j) y = Gemm(f, m)",
    "a branch that captures it": f"{CONV} r = Relu(a) s = If (yg) <then_branch = t1 () => "
    "(float[N, 8, 9, 9] i1) { i1 = Neg(r) }, else_branch = e1 () => (float[N, 8, 9, 9] i2) "
    "{ i2 = Abs(r) }> o = Conv(r, w2) q = Sigmoid(o) l = GlobalAveragePool(q) "
    "v = GlobalAveragePool(s) z = Mul(l, v) f = Flatten(z) y = Gemm(f, m)",
    "a sum with the model's input": "r = Add(x8, q) q0 = Relu(r) g = GlobalAveragePool(q0) "
    "f = Flatten(g) y = Gemm(f, m)",
    "a flattened map": f"{CONV} r = Relu(a) f = Flatten(r) y = MatMul(f, long)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_scaled(tmp_path: Path, name: str) -> None:
    body, inputs = REFUSED[name], "float[N, 4, 9, 9] x"
    if "x8" in body:
        inputs, body = "float[N, 8, 9, 9] x8", body.replace("r = ", "q = Conv(x8, w3) r = ", 1)
    if "yg" in body:
        inputs += ", bool yg"
    model = parse(
        f"({inputs}) => (float[N, 5] y) <{WEIGHTS}, float[8, 4, 3, 3] h2, float[648, 5] long> "
        f"{{ {body} }}"
    )
    assert find_groups(prepare(load_model(save(model, tmp_path)).ir)) == ()


def test_an_output_of_the_model_is_left_alone(tmp_path: Path) -> None:
    body = f"{CONV} r = Relu(a) {ROWS}"
    assert _groups(body, tmp_path)
    assert not _groups(body, tmp_path, outputs="float[N, 5] y, float[N, 8, 9, 9] r")


def test_the_plan_says_where_ranges_of_channels_are_of_use(tmp_path: Path) -> None:
    model = parse(
        f"(float[N, 4, 9, 9] x) => (float[N, 5] y) <{WEIGHTS}> {{ {CONV} r = Relu(a) {ROWS} }}"
    )
    plan = place(prepare(load_model(save(model, tmp_path)).ir), ORT_CPU)
    axes = {name: value.ranges_axis for name, value in plan.values.items()}
    assert axes == {"x": None, "r": 1, "g": 1, "f": -1}
    assert len(plan.groups) == 1


@pytest.mark.parametrize("lengths", ["int64[3] {0, 0, 1}", "int64[2] {0, 1}", "int64[0] {}"])
def test_a_pad_of_other_lengths_than_its_data_has_axes_links_nothing(
    lengths: str,
) -> None:
    """The checker takes it where the data's rank is known to nobody but qconv."""
    shape, numbers = lengths.split(" ", 1)
    weights = f"{WEIGHTS}, {shape} odd = {numbers}"
    text = f"(float[N,4,9,9] x) => (float[N,8,K,L] y) <{weights}> {{ {CONV} y = Pad(a, odd) }}"
    model = prepare(ir.from_proto(parse(text)))
    assert find_groups(model) == ()
