"""Convolutions of every kind, and what exporters put behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.zoo_helpers import MAP, NO_KERNEL, SAME, UNREAD, Case, check

NEXT = f"y = Conv{SAME}(r, w2, b2)"
LINE = "float[M, 8, K] y"


def conv(
    attributes: str, weight: str, inputs: str, outputs: str = MAP, operands: str = "x, k, b"
) -> Case:
    return Case(f"y = Conv{attributes}({operands})", weight, inputs, outputs)


KINDS = {
    "bias": conv(SAME, "float[8, 4, 3, 3] k", "float[N, 4, H, W] x"),
    "no bias": conv(SAME, "float[8, 4, 3, 3] k", "float[N, 4, H, W] x", operands="x, k"),
    "empty bias": conv(SAME, "float[8, 4, 3, 3] k", "float[N, 4, H, W] x", operands="x, k,"),
    "same upper": conv(
        '<auto_pad = "SAME_UPPER", strides = [2, 2]>', "float[8, 4, 3, 3] k", "float[N, 4, H, W] x"
    ),
    "same lower": conv(
        '<auto_pad = "SAME_LOWER", strides = [2, 2]>', "float[8, 4, 4, 4] k", "float[N, 4, H, W] x"
    ),
    "valid": conv('<auto_pad = "VALID">', "float[8, 4, 3, 3] k", "float[N, 4, H, W] x"),
    "dilations": conv(
        "<dilations = [2, 1], pads = [2, 1, 2, 1]>", "float[8, 4, 3, 3] k", "float[N, 4, H, W] x"
    ),
    "one axis": conv("<pads = [1, 1]>", "float[8, 4, 3] k", "float[N, 4, H] x", LINE),
    "three axes": conv(
        "<pads = [1, 1, 1, 1, 1, 1]>",
        "float[8, 4, 3, 3, 3] k",
        "float[N, 4, H, W, H] x",
        "float[M, 8, K, L, O] y",
    ),
    "depthwise": conv(
        "<group = 8, pads = [1, 1, 1, 1]>", "float[8, 1, 3, 3] k", "float[N, 8, H, W] x"
    ),
    "depthwise of one axis": conv(
        "<group = 8, pads = [1, 1]>", "float[8, 1, 3] k", "float[N, 8, H] x", LINE
    ),
    "depthwise, two outputs a channel": conv(
        "<group = 4, pads = [1, 1, 1, 1]>", "float[8, 1, 3, 3] k", "float[N, 4, H, W] x"
    ),
    "grouped": conv(
        "<group = 2, pads = [1, 1, 1, 1]>", "float[8, 2, 3, 3] k", "float[N, 4, H, W] x"
    ),
    "grouped, many channels": conv(
        "<group = 2, pads = [1, 1, 1, 1]>", "float[8, 32, 3, 3] k", "float[N, 64, H, W] x"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(tmp_path: Path, kind: str) -> None:
    check(KINDS[kind], tmp_path)


def after(tail: str, weights: str = "", **stated: object) -> Case:
    return Case(f"a = Conv{SAME}(x, w, b) {tail}", weights, **stated)  # type: ignore[arg-type]


BOUNDS = "float lo = {%s}, float hi = {%s}"

ACTIVATIONS = {
    "relu": after("y = Relu(a)"),
    "relu between": after(f"r = Relu(a) {NEXT}"),
    "relu6": after(f"r = Clip(a, lo, hi) {NEXT}", BOUNDS % (0, 6)),
    "relu6 of two nodes": after(f"q = Relu(a) r = Clip(q, lo, hi) {NEXT}", BOUNDS % (0, 6)),
    "relu6 of min and max": after(f"q = Max(a, lo) r = Min(hi, q) {NEXT}", BOUNDS % (0, 6)),
    "clip to an odd bound": after(f"r = Clip(a, lo, hi) {NEXT}", BOUNDS % (0, 1.7)),
    "clip to both sides": after(f"r = Clip(a, lo, hi) {NEXT}", BOUNDS % (-1, 1)),
    "clip, uneven": after(f"r = Clip(a, lo, hi) {NEXT}", BOUNDS % (-0.011, 2)),
    "clip below": after(f"r = Clip(a, lo) {NEXT}", BOUNDS % (-0.5, 1)),
    "clip above": after(f"r = Clip(a,, hi) {NEXT}", BOUNDS % (-1, 0.5)),
    "clip without zero": after(
        f"r = Clip(a, lo, hi) {NEXT}",
        BOUNDS % (0.5, 2),
        kept={"Clip": "its bounds [0.5, 2] do not include zero"},
        misses=[
            ("Clip", "the runtime has no integer kernel for Clip with these types or attributes")
        ],
    ),
    "leaky relu": after(f"r = LeakyRelu<alpha = 0.1>(a) {NEXT}"),
    "leaky relu at the end": after("y = LeakyRelu(a)", kept={"LeakyRelu": UNREAD}),
    "silu": after(f"s = Sigmoid(a) r = Mul(a, s) {NEXT}"),
    "silu at the end": after("s = Sigmoid(a) y = Mul(s, a)"),
    "hard swish": after(f"r = HardSwish(a) {NEXT}"),
    "hard swish of two nodes": after(
        f"s = HardSigmoid<alpha = 0.16666667>(a) r = Mul(a, s) {NEXT}"
    ),
    "hard swish of four nodes": after(
        f"p = Add(a, three) q = Clip(p, lo, six) s = Mul(q, a) r = Div(s, six) {NEXT}",
        "float three = {3}, float lo = {0}, float six = {6}",
    ),
    "hard swish of another slope": after(
        f"s = HardSigmoid<alpha = 0.3, beta = 0.4>(a) r = Mul(s, a) {NEXT}"
    ),
    "hard swish that two read": after(
        "r = HardSwish(a) p = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(r) "
        "q = Add(p, r) y = Conv(q, w1)"
    ),
    "hard sigmoid": after(f"r = HardSigmoid(a) {NEXT}"),
    "hard sigmoid at the end": after("y = HardSigmoid<alpha = 0.3>(a)"),
    "prelu": after(
        f"r = PRelu(a, s) {NEXT}", "float[8, 1, 1] s", kept={"PRelu": f"{NO_KERNEL} PRelu"}
    ),
    "tanh": after(f"r = Tanh(a) {NEXT}", kept={"Tanh": f"{NO_KERNEL} Tanh"}),
    "softmax": after(
        "y = Softmax<axis = 1>(a)",
        kept={"Softmax": "probabilities need more than 8 bits, so it is left in float"},
    ),
    "custom domain": after(
        f"r = com.microsoft.Gelu(a) {NEXT}", kept={"Gelu": f"{NO_KERNEL} com.microsoft.Gelu"}
    ),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(tmp_path: Path, activation: str) -> None:
    check(ACTIVATIONS[activation], tmp_path)


@pytest.mark.parametrize(
    ("opset", "ir"),
    [(7, 3), (9, 4), (11, 6), (12, 7), (13, 7), (17, 8), (21, 10), (26, 13)],
)
def test_opsets(tmp_path: Path, opset: int, ir: int) -> None:
    clip = "Clip<min = 0.0, max = 6.0>(d)" if opset < 11 else "Clip(d, lo, hi)"
    body = (
        f"c = Conv{SAME}(x, w, b) d = BatchNormalization(c, g, b2, b, v) r = {clip} "
        "p = MaxPool<kernel_shape = [2, 2]>(r) q = AveragePool<kernel_shape = [2, 2]>(r) "
        f"s = Add(p, q) e = Conv{SAME}(s, w2, b2) h = Dropout(e) i = Identity(h) "
        "t = GlobalAveragePool(i) f = Flatten(t) y = Gemm<alpha = 0.5, transB = 1>(f, m, n)"
    )
    weights = (
        "float[8] g, float[8] v = {1, 2, 1, 3, 1, 1, 1, 2}, float[5, 8] m, float[5] n, "
        "float lo = {0}, float hi = {6}"
    )
    found = check(Case(body, weights, outputs="float[M, 5] y", opset=opset, ir=ir), tmp_path)
    assert found.quantized == [
        *["Conv", "Clip", "MaxPool", "AveragePool", "Add", "Conv"],
        *["GlobalAveragePool", "Flatten", "Gemm"],
    ]
    assert found.proto().opset_import[0].version == max(opset, 13)


def test_batch_and_image_size_may_change(tmp_path: Path) -> None:
    body = (
        f"a = Conv{SAME}(x, w, b) r = Relu(a) p = MaxPool<kernel_shape = [2, 2]>(r) "
        "y = Conv(p, w1, b1)"
    )
    sizes = {"N": (1, 3, 2), "H": (9, 14, 7, 5), "W": (11, 6)}
    check(Case(body, axes=sizes), tmp_path)


def test_weights_are_a_quarter_of_their_size(tmp_path: Path) -> None:
    wide = "float[256, 256, 3, 3] k"
    case = Case(f"y = Conv{SAME}(x, k)", wide, "float[N, 256, 5, 5] x", "float[M, 256, 5, 5] y")
    found = check(case, tmp_path)
    assert found.conversion.size_bytes < 0.26 * found.conversion.float_bytes
