"""Residual sums, joins, and what else moves or combines feature maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.zoo_helpers import MAP, NO_KERNEL, SAME, UNREAD, Case, check

A = f"a = Conv{SAME}(x, w, b)"
R = f"{A} r = Relu(a)"
ENTRY = f"{R} c = Conv{SAME}(r, w2, b2)"
NEXT = f"y = Conv{SAME}(s, w2, b2)"
SE = "g = GlobalAveragePool(r) e = Conv(g, w1, b1) f = Relu(e) h = Conv(f, w1, b1)"
NORM = (
    "float[16] g, float[16] o, float[16] m, "
    "float[16] v = {1, 2, 1, 1, 3, 1, 1, 1, 1, 2, 1, 1, 3, 1, 1, 1}"
)
JOIN = "float[8, 16, 1, 1] j"
NO_RESIZE = "the runtime has no integer kernel for Resize with these types or attributes"

SUMS = {
    "residual": Case(f"{ENTRY} s = Add(c, r) y = Relu(s)"),
    "residual, then a convolution": Case(f"{ENTRY} t = Add(r, c) s = Relu(t) {NEXT}"),
    "residual of a sum of two": Case(f"{ENTRY} t = Sum(r, c) s = Relu(t) {NEXT}"),
    "residual of a sum of three": Case(
        f"{ENTRY} d = Conv{SAME}(c, w2) t = Sum(r, c, d) s = Relu(t) {NEXT}"
    ),
    "residual from before the Relu": Case(f"{ENTRY} s = Add(a, c) y = Relu(s)"),
    "relu behind a pool": Case(
        f"{A} p = MaxPool<kernel_shape = [2, 2]>(a) q = Relu(p) r = Conv(q, w1) "
        f"s = Add(q, r) {NEXT}"
    ),
    "clip of what is read elsewhere": Case(
        f"{A} q = Clip(a, l, h) r = Conv{SAME}(q, w2, b2) s = Add(a, r) {NEXT}",
        "float l = {-0.7}, float h = {1.1}",
    ),
    "relu of what is read elsewhere, at the end": Case(
        f"{A} s = Conv{SAME}(a, w2, b2) z = Relu(a) {NEXT}",
        outputs=f"{MAP}, float[M, 8, K, L] z",
        kept={"Relu": UNREAD},
    ),
    "sum with itself": Case(f"{A} s = Add(a, a) {NEXT}"),
    "product with itself": Case(f"{A} s = Mul(a, a) {NEXT}"),
    "sum with a constant after a pool": Case(
        f"{A} p = MaxPool<kernel_shape = [2, 2]>(a) s = Add(p, k) {NEXT}", "float[1, 8, 1, 1] k"
    ),
    "sum with a number after a pool": Case(
        f"{A} p = MaxPool<kernel_shape = [2, 2]>(a) s = Add(k, p) {NEXT}", "float k = {3}"
    ),
    "product with a constant at the end": Case(
        f"{A} p = MaxPool<kernel_shape = [2, 2]>(a) y = Mul(p, k)",
        "float[8, 1, 1] k",
        kept={"Mul": UNREAD},
    ),
    "constants that the convolution takes in": Case(
        f"{A} c = Mul(a, k) d = Sub(c, l) e = Div(d, n) y = Relu(e)",
        "float[8, 1, 1] k, float[1, 8, 1, 1] l, float n = {2}",
    ),
    "sum with its own mean": Case(f"{A} g = GlobalAveragePool(a) s = Add(a, g) {NEXT}"),
    "difference": Case(f"{ENTRY} s = Sub(c, r) {NEXT}", kept={"Sub": f"{NO_KERNEL} Sub"}),
    "choice": Case(
        f"{ENTRY} s = Where(q, c, r) {NEXT}", inputs="float[N, 4, H, W] x, bool[1, 8, 1, 1] q"
    ),
    "squeeze and excitation": Case(f"{R} {SE} k = Sigmoid(h) s = Mul(r, k) {NEXT}"),
    "squeeze and excitation by means": Case(
        f"{R} {SE} k = Sigmoid(h) s = Mul(k, r) {NEXT}".replace(
            "GlobalAveragePool(r)", "ReduceMean<axes = [2, 3]>(r)"
        )
    ),
    "squeeze and excitation by a hard sigmoid": Case(
        f"{R} {SE} k = HardSigmoid(h) s = Mul(r, k) {NEXT}"
    ),
    "squeeze and excitation in float": Case(
        f"{R} {SE} k = Tanh(h) s = Mul(r, k) {NEXT}", kept={"Tanh": f"{NO_KERNEL} Tanh"}
    ),
    "sum of a float map and one of integers": Case(
        f"{R} t = Tanh(r) s = Add(t, r) {NEXT}", kept={"Tanh": f"{NO_KERNEL} Tanh"}
    ),
    "join of a float map and one of integers": Case(
        f"{R} t = ConvTranspose(r, w1) s = Concat<axis = 1>(t, r) y = Conv(s, j)",
        "float[8, 16, 1, 1] j",
        kept={"ConvTranspose": f"{NO_KERNEL} ConvTranspose"},
    ),
    "read in integers and in float": Case(
        f"{R} t = Tanh(r) c = Conv{SAME}(r, w2, b2) y = Mul(t, c)",
        kept={"Tanh": f"{NO_KERNEL} Tanh", "Mul": UNREAD},
    ),
}  # fmt: skip

JOINS = {
    "inception": Case(
        f"{R} d = Conv(r, w1, b1) e = Relu(d) f = Conv{SAME}(r, w2, b2) g = Relu(f) "
        "h = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(r) i = Conv(h, w1, b1) "
        "k = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(r) "
        "s = Concat<axis = 1>(e, g, i, k) y = Conv(s, j)",
        "float[8, 32, 1, 1] j",
    ),
    "densenet": Case(
        f"{ENTRY} d = Concat<axis = 1>(r, c) n = BatchNormalization(d, g, o, m, v) e = Relu(n) "
        "y = Conv(e, j)",
        f"{NORM}, {JOIN}",
    ),
    "relu behind a join": Case(
        f"{A} c = Conv{SAME}(a, w2, b2) d = Concat<axis = 1>(a, c) e = Relu(d) y = Conv(e, j)", JOIN
    ),
    "with itself": Case(f"{A} s = Concat<axis = 1>(a, a) y = Conv(s, j)", JOIN),
    "with a constant": Case(
        f"{A} s = Concat<axis = 1>(a, k) y = Conv(s, j)", f"float[1, 8, 9, 11] k, {JOIN}"
    ),
    "with the image": Case(
        f"{A} s = Concat<axis = 1>(a, x) y = Conv(s, j)", "float[8, 12, 1, 1] j"
    ),
    "of one": Case(f"{A} s = Concat<axis = 1>(a) {NEXT}"),
    "of the channels, flat": Case(
        f"{R} c = GlobalAveragePool(r) d = ReduceMax<axes = [2, 3]>(r) e = Flatten(c) "
        "f = Flatten(d) g = Concat<axis = -1>(e, f) y = Gemm(g, m)",
        "float[16, 5] m",
        outputs="float[M, 5] y",
    ),
    "of pairs and of rows": Case(
        f"{A} c = Concat<axis = 2>(a, a) s = Concat<axis = 3>(c, c) {NEXT}"
    ),
    "at the end": Case(f"{ENTRY} y = Concat<axis = 1>(r, c)", outputs="float[M, 16, K, L] y"),
    "of image and coordinates": Case(
        "s = Concat<axis = 1>(x, k) y = Conv(s, j)",
        "float[1, 2, 9, 11] k, float[8, 6, 1, 1] j",
        kept={"Concat": "it reads an input of the model, which is in float"},
    ),
}

HALVES = "int64[2] h = {4, 4}"
MOVES = {
    "split": Case(
        f"{A} p, q = Split<axis = 1>(a, h) s = Conv{SAME}(p, w) t = Conv{SAME}(q, w) y = Add(s, t)",
        HALVES,
    ),
    "split by number": Case(
        f"{A} p, q = Split<axis = 1, num_outputs = 2>(a) s = Conv{SAME}(p, w) "
        f"t = Conv{SAME}(q, w) y = Add(s, t)",
        opset=18,
    ),
    "split at the end": Case(
        f"{A} y, z = Split<axis = 1>(a, h)",
        HALVES,
        outputs="float[M, 4, K, L] y, float[M, 4, K, L] z",
    ),
    "split with a part unused": Case(
        f"{A} p, q = Split<axis = 1>(a, h) y = Conv{SAME}(p, w)",
        HALVES,
        kept={"Split": "one of its outputs is unused; the integer kernel gives all of them"},
        misses=[
            ("Split", "one of its outputs is unused; the runtime needs a QuantizeLinear at each")
        ],
    ),
    "slice": Case(
        f"{A} p = Slice(a, i, e, c) y = Conv{SAME}(p, w)",
        "int64[1] i = {2}, int64[1] e = {6}, int64[1] c = {1}",
    ),
    "channel shuffle": Case(
        f"{A} p = Reshape(a, c) q = Transpose<perm = [0, 2, 1, 3, 4]>(p) s = Reshape(q, d) {NEXT}",
        "int64[5] c = {1, 2, 4, 9, 11}, int64[4] d = {1, 8, 9, 11}",
    ),
    "channels last": Case(
        f"t = Transpose<perm = [0, 3, 1, 2]>(x) a = Conv{SAME}(t, w, b) r = Relu(a) "
        "y = Transpose<perm = [0, 2, 3, 1]>(r)",
        inputs="float[N, H, W, 4] x",
        outputs="float[M, K, L, 8] y",
        kept={"Transpose": "it reads an input of the model, which is in float"},
    ),
    "resize, nearest": Case(
        f'{A} s = Resize<mode = "nearest">(a,, f) {NEXT}', "float[4] f = {1, 1, 2, 2}"
    ),
    "upsample": Case(
        f'{A} s = Upsample<mode = "nearest">(a, f) {NEXT}', "float[4] f = {1, 1, 2, 2}", opset=9
    ),
    "resize, linear": Case(
        f'{A} s = Resize<mode = "linear">(a,, f) {NEXT}',
        "float[4] f = {1, 1, 2, 2}",
        kept={"Resize": "its mode is linear; the integer kernel needs nearest"},
        misses=[("Resize", NO_RESIZE)],
    ),
    "gather": Case(
        f"{A} s = Gather<axis = 1>(a, i) {NEXT}", "int64[8] i = {0, 2, 4, 6, 1, 3, 5, 7}"
    ),
    "tile": Case(f"{A} s = Tile(a, i) {NEXT}", "int64[4] i = {1, 1, 2, 1}"),
    "expand": Case(
        f"{A} g = GlobalAveragePool(a) s = Expand(g, i) {NEXT}", "int64[4] i = {1, 8, 3, 3}"
    ),
    "pixel shuffle": Case(
        f"{A} s = DepthToSpace<blocksize = 2>(a) y = Conv(s, j)", "float[8, 2, 3, 3] j"
    ),
    "squeeze and unsqueeze": Case(
        f"{A} g = GlobalAveragePool(a) q = Squeeze(g, i) s = Unsqueeze(q, i) {NEXT}",
        "int64[2] i = {2, 3}",
    ),
    "reshape at the end": Case(
        f"{R} y = Reshape(r, i)", "int64[2] i = {0, -1}", outputs="float[M, K] y"
    ),
    "pads that the convolution takes in": Case(
        f"p = Pad(x, i) a = Conv(p, w, b) q = Pad(a, i) y = Conv{SAME}(q, w2, b2)",
        "int64[8] i = {0, 0, 0, 1, 0, 0, 2, 1}",
    ),
    "reflecting pad": Case(
        f'{A} s = Pad<mode = "reflect">(a, i) {NEXT}',
        "int64[8] i = {0, 0, 1, 1, 0, 0, 1, 1}",
        kept={"Pad": f"{NO_KERNEL} Pad"},
    ),
    "transposed convolution": Case(
        f"{R} y = ConvTranspose(r, w2, b2)", kept={"ConvTranspose": f"{NO_KERNEL} ConvTranspose"}
    ),
}


CASES = {
    f"{group}: {name}": case
    for group, cases in (("sum", SUMS), ("join", JOINS), ("move", MOVES))
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", CASES)
def test_maps(tmp_path: Path, name: str) -> None:
    check(CASES[name], tmp_path)
