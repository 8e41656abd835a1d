"""Linear layers, recurrent layers and embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.zoo_helpers import NO_KERNEL, Case, check

ROWS = "float[N, 16] x"
OUT = "float[N, M] y"
TOKENS = "float[N, T, 16] x"
TOKENS_OUT = "float[N, T, M] y"
FIRST, SECOND = "float[16, 8] m, float[8] c", "float[8, 4] n, float[4] d"
SIZES = {"N": (2,), "T": (5,)}


def rows(body: str, weights: str = f"{FIRST}, {SECOND}", **stated: object) -> Case:
    return Case(body, weights, ROWS, OUT, axes=SIZES, **stated)  # type: ignore[arg-type]


def tokens(body: str, weights: str = f"{FIRST}, {SECOND}", **stated: object) -> Case:
    return Case(body, weights, TOKENS, TOKENS_OUT, axes=SIZES, **stated)  # type: ignore[arg-type]


NEXT = "r = Relu(a) y = Gemm(r, n, d)"
NO_CLAMP = "it reads the output of Gemm, which is in float"
BIAS = "its bias has the shape {}; the integer kernel needs one number per column"

GEMMS = {
    "weights by columns": rows(f"a = Gemm(x, m, c) {NEXT}"),
    "weights by rows": rows(
        f"a = Gemm<transB = 1>(x, m, c) {NEXT}", f"float[8, 16] m, float[8] c, {SECOND}"
    ),
    "alpha and beta": rows(f"a = Gemm<alpha = 0.5, beta = 2.0>(x, m, c) {NEXT}"),
    "beta of zero": rows(f"a = Gemm<beta = 0.0>(x, m, c) {NEXT}"),
    "no bias": rows(f"a = Gemm(x, m) {NEXT}"),
    "bias of one row": rows(
        f"a = Gemm(x, m, c) {NEXT}", f"float[16, 8] m, float[1, 8] c, {SECOND}"
    ),
    "bias of one number": rows(
        f"a = Gemm(x, m, c) {NEXT}", f"float[16, 8] m, float c = {{0.3}}, {SECOND}"
    ),
    "bias of one number in a list": rows(
        f"a = Gemm(x, m, c) {NEXT}", f"float[16, 8] m, float[1] c, {SECOND}"
    ),
    "bias of one column": rows(
        f"a = Gemm(x, m, c) {NEXT}",
        f"float[16, 8] m, float[2, 1] c, {SECOND}",
        kept={"Gemm": BIAS.format([2, 1]), "Relu": NO_CLAMP},
    ),
    "bias of one column, as long as a row": Case(
        f"a = Gemm(x, m, c) {NEXT}",
        f"float[16, 8] m, float[8, 1] c, {SECOND}",
        ROWS,
        OUT,
        axes={"N": (8,)},
        kept={"Gemm": BIAS.format([8, 1]), "Relu": NO_CLAMP},
    ),
    "bias of a matrix": rows(
        f"a = Gemm(x, m, c) {NEXT}",
        f"float[16, 8] m, float[2, 8] c, {SECOND}",
        kept={"Gemm": BIAS.format([2, 8]), "Relu": NO_CLAMP},
    ),
    "turned data": Case(
        f"a = Gemm<transA = 1>(x, m, c) {NEXT}",
        f"{FIRST}, {SECOND}",
        "float[16, N] x",
        OUT,
        axes=SIZES,
        kept={"Gemm": "its transA is 1; the integer kernel needs 0", "Relu": NO_CLAMP},
    ),
    "a bias that is fed": Case(
        f"a = Gemm(x, m, z) {NEXT}",
        f"{FIRST}, {SECOND}",
        f"{ROWS}, float[8] z",
        OUT,
        axes=SIZES,
        kept={"Gemm": "its bias is computed at run time", "Relu": NO_CLAMP},
    ),
    "a weight that is fed": Case(
        f"a = Gemm(x, z) {NEXT}",
        f"{FIRST}, {SECOND}",
        f"{ROWS}, float[16, 8] z",
        OUT,
        axes=SIZES,
        kept={"Gemm": "its weight is computed at run time", "Relu": NO_CLAMP},
    ),
    "normalized": rows(
        "a = Gemm(x, m, c) y = BatchNormalization(a, c, c, c, v)",
        f"{FIRST}, float[8] v = {{1, 2, 1, 1, 1, 1, 3, 1}}",
    ),
    "relu read in float": rows(
        "a = Gemm(x, m, c) r = Relu(a) y = Tanh(r)", kept={"Tanh": f"{NO_KERNEL} Tanh"}
    ),
    "clip read in float": rows(
        "a = Gemm(x, m, c) r = Clip(a, l, h) y = Tanh(r)",
        f"{FIRST}, float l = {{-0.5}}, float h = {{0.7}}",
        kept={"Tanh": f"{NO_KERNEL} Tanh"},
    ),
    "clip without zero": rows(
        "a = Gemm(x, m, c) r = Clip(a, l, h) y = Tanh(r)",
        f"{FIRST}, float l = {{0.5}}, float h = {{2}}",
        kept={"Clip": "its bounds [0.5, 2] do not include zero", "Tanh": f"{NO_KERNEL} Tanh"},
    ),
    "flat embeddings": Case(
        "e = Gather(t, x) f = Flatten(e) y = Gemm(f, m)",
        "float[50, 8] t, float[48, 4] m",
        "int64[N, 6] x",
        OUT,
        kept={
            "Gather": "its table has rows of fewer than 16 numbers, so it is not an embedding",
            "Flatten": "it reads the output of Gather, which is in float",
        },
    ),
}

MATMULS = {
    "chain": rows("a = MatMul(x, m) r = Relu(a) y = MatMul(r, n)"),
    "bias": rows("a = MatMul(x, m) b0 = Add(a, c) r = Relu(b0) e = MatMul(r, n) y = Add(d, e)"),
    "bias of one row": rows("a = MatMul(x, m) y = Add(a, c)", "float[16, 8] m, float[1, 8] c"),
    "bias of one number": rows("a = MatMul(x, m) y = Add(a, c)", "float[16, 8] m, float c = {2}"),
    "sum with what is fed": Case(
        "a = MatMul(x, m) y = Add(a, z)",
        FIRST,
        f"{ROWS}, float[N, 8] z",
        OUT,
        axes=SIZES,
        kept={"Add": "it reads the output of Gemm, which is in float"},
    ),
    "residual": rows(
        "a = MatMul(x, m) t = Tanh(a) b0 = MatMul(t, n) y = Add(b0, t)",
        "float[16, 8] m, float[8, 8] n",
        kept={
            "Tanh": f"{NO_KERNEL} Tanh",
            "Add": "it reads the output of Gemm, which is in float",
        },
    ),
    "constant on the left": Case(
        "a = MatMul(m, x) r = Relu(a) y = MatMul(r, n)",
        "float[8, 16] m, float[4, 4] n",
        "float[16, 4] x",
        "float[8, 4] y",
        kept={
            "MatMul": "its first input is the constant; weights are quantized only on the second",
            "Relu": "it reads the output of MatMul, which is in float",
        },
    ),
    "one row without a batch": Case(
        "a = MatMul(x, m) r = Relu(a) y = MatMul(r, n)",
        f"{FIRST}, {SECOND}",
        "float[16] x",
        "float[4] y",
    ),
    "a vector of weights": Case(
        "a = MatMul(x, m) t = Tanh(a) y = MatMul(t, n)",
        "float[16, 8] m, float[8] n",
        ROWS,
        "float[N] y",
        axes=SIZES,
        kept={
            "Tanh": f"{NO_KERNEL} Tanh",
            "MatMul": "its weight has 1 axes; the integer kernel needs a matrix",
        },
    ),
    "weights a head": tokens(
        "a = MatMul(x, m) y = MatMul(a, n)",
        "float[2, 16, 8] m, float[8, 4] n",
        kept={"MatMul": "its weight has 3 axes; the integer kernel needs a matrix"},
    ),
    "of a map that a convolution reads too": Case(
        "a = Conv<pads = [1, 1, 1, 1]>(x, w, b) e = MatMul(a, m) f = Conv<pads = [1, 1, 1, 1]>"
        "(a, w2, b2) g = MatMul(f, m) y = Add(e, g)",
        "float[8, 8] m",
        "float[N, 4, H, 8] x",
        "float[M, 8, K, L] y",
        kept={"Add": "it reads the output of MatMul, which is in float"},
    ),
    "three axes": tokens("a = MatMul(x, m) r = Relu(a) y = MatMul(r, n)"),
    "three axes, relu read in float": tokens(
        "a = MatMul(x, m) r = Relu(a) y = Tanh(r)", kept={"Tanh": f"{NO_KERNEL} Tanh"}
    ),
    "three axes, bias": tokens(
        "a = MatMul(x, m) b0 = Add(c, a) r = Relu(b0) e = MatMul(r, n) y = Add(e, d)",
        kept={
            "Add": "it reads the output of MatMul, which is in float",
            "Relu": "it reads the output of Add, which is in float",
        },
    ),
    "three axes, bias of one row": tokens(
        "a = MatMul(x, m) y = Add(a, c)",
        "float[16, 8] m, float[1, 1, 8] c",
        kept={"Add": "it reads the output of MatMul, which is in float"},
    ),
    "four axes": Case(
        "a = MatMul(x, m) r = Relu(a) y = MatMul(r, n)",
        f"{FIRST}, {SECOND}",
        "float[N, 3, T, 16] x",
        "float[N, 3, T, M] y",
        axes=SIZES,
    ),
    "lengths that vary": Case(
        "a = MatMul(x, m) r = Relu(a) y = MatMul(r, n)",
        f"{FIRST}, {SECOND}",
        TOKENS,
        TOKENS_OUT,
        axes={"N": (2, 1, 3), "T": (3, 9, 1, 17)},
    ),
}

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


SMALL_LSTM = "its hidden size is 4; below 64 the integer kernel is no faster than float"


def recurrent(op: str) -> Case:
    weights = f"float[8, 3, 3] f, float[1, {4 * GATES[op]}, 8] m, float[1, {4 * GATES[op]}, 4] q"
    return Case(
        "a = Conv<pads = [1, 1]>(x, f, b) t = Transpose<perm = [2, 0, 1]>(a) "
        f"h = {op}<hidden_size = 4>(t, m, q) s = Squeeze(h, i) y = MatMul(s, n)",
        f"{weights}, int64[1] i = {{1}}, float[4, 5] n",
        "float[N, 3, T] x",
        "float[T, N, M] y",
        axes=SIZES,
        kept={
            op: SMALL_LSTM if op == "LSTM" else f"{NO_KERNEL} {op}",
            "Squeeze": f"it reads the output of {op}, which is in float",
        },
    )


CASES = {
    **{f"gemm: {name}": case for name, case in GEMMS.items()},
    **{f"matmul: {name}": case for name, case in MATMULS.items()},
    **{f"behind a convolution: {op}": recurrent(op) for op in GATES},
}


@pytest.mark.parametrize("name", CASES)
def test_products(tmp_path: Path, name: str) -> None:
    check(CASES[name], tmp_path)
