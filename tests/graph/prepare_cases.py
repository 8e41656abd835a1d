"""Models for the tests of preparation, and what each comes down to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IMAGE = "float[N, 4, H, W] x"
MAP = "float[M, C, K, L] y"


@dataclass(frozen=True)
class Case:
    """``nodes`` are the operators that a model of these nodes comes down to."""

    body: str
    weights: str
    nodes: Sequence[str]
    inputs: str = IMAGE
    outputs: str = MAP
    opset: int = 17
    ir: int = 8


NORM = "float[8] g, float[8] o, float[8] m, float[8] v = {1, 2, 0.5, 1, 3, 1, 0.1, 4}"
BN = "BatchNormalization(a, g, o, m, v)"

SCALING = {
    "conv": Case(
        f"a = Conv(x, w, b) y = {BN}", f"float[8, 4, 3, 3] w, float[8] b, {NORM}", ["Conv"]
    ),
    "conv without a bias": Case(
        f"a = Conv(x, w) y = {BN}", f"float[8, 4, 3, 3] w, {NORM}", ["Conv"]
    ),
    "epsilon": Case(
        "a = Conv(x, w) y = BatchNormalization<epsilon = 0.3>(a, g, o, m, v)",
        f"float[8, 4, 3, 3] w, {NORM}",
        ["Conv"],
    ),
    "grouped conv": Case(
        f"a = Conv<group = 2>(x, w, b) y = {BN}",
        f"float[8, 2, 3, 3] w, float[8] b, {NORM}",
        ["Conv"],
    ),
    "transposed conv": Case(
        f"a = ConvTranspose<strides = [2, 2]>(x, w, b) y = {BN}",
        f"float[4, 8, 3, 3] w, float[8] b, {NORM}",
        ["ConvTranspose"],
    ),
    "grouped transposed conv": Case(
        f"a = ConvTranspose<group = 2>(x, w, b) y = {BN}",
        f"float[4, 4, 3, 3] w, float[8] b, {NORM}",
        ["ConvTranspose"],
    ),
    "conv of one axis": Case(
        f"a = Conv(x, w) y = {BN}",
        f"float[8, 4, 3] w, {NORM}",
        ["Conv"],
        "float[N, 4, H] x",
        "float[M, C, K] y",
    ),
    "gemm": Case(
        f"a = Gemm(x, w, b) y = {BN}",
        f"float[4, 8] w, float[8] b, {NORM}",
        ["Gemm"],
        "float[N, 4] x",
        "float[N, 8] y",
    ),
    "turned gemm with factors": Case(
        f"a = Gemm<transB = 1, alpha = 0.5, beta = 3.0>(x, w, b) y = {BN}",
        f"float[8, 4] w, float[1, 8] b, {NORM}",
        ["Gemm"],
        "float[N, 4] x",
        "float[N, 8] y",
    ),
    "matmul": Case(
        f"a = MatMul(x, w) y = {BN}",
        f"float[4, 8] w, {NORM}",
        ["Gemm"],
        "float[N, 4] x",
        "float[N, 8] y",
    ),
    "two in a row": Case(
        f"a = Conv(x, w) c = {BN} y = BatchNormalization(c, o, g, m, v)",
        f"float[8, 4, 3, 3] w, {NORM}",
        ["Conv"],
    ),
    "arithmetic": Case(
        "a = Conv(x, w, b) c = Mul(k, a) d = Add(c, l) e = Sub(d, n) y = Div(e, f)",
        "float[8, 4, 3, 3] w, float[8] b, float[8, 1, 1] k, float[1, 8, 1, 1] l, float n = {3}, "
        "float[1, 1, 1] f = {-0.7}",
        ["Conv"],
    ),
    "arithmetic of a gemm": Case(
        "a = Gemm(x, w) c = Mul(a, k) y = Add(l, c)",
        "float[4, 8] w, float[8] k, float[1, 8] l",
        ["Gemm"],
        "float[N, 4] x",
        "float[N, 8] y",
    ),
    "weights that another conv reads": Case(
        f"a = Conv(x, w) n = {BN} c = Conv(x, w) y = Add(n, c)",
        f"float[8, 4, 3, 3] w, {NORM}",
        ["Conv", "Conv", "Add"],
    ),
    "a conv that is an output": Case(
        f"a = Conv(x, w) y = {BN}",
        f"float[8, 4, 3, 3] w, {NORM}",
        ["Conv", "Conv"],
        outputs=f"{MAP}, float[M, C, K, L] a",
    ),
    "behind a sum": Case(
        f"c = Conv(x, w) a = Add(c, c) y = {BN}",
        f"float[8, 4, 3, 3] w, {NORM}",
        ["Conv", "Add", "Conv"],
    ),
    "of the input": Case(
        "n = BatchNormalization(x, g, o, m, v) y = Conv(n, w)",
        "float[8, 4, 3, 3] w, float[4] g, float[4] o, float[4] m, float[4] v = {1, 2, 0.5, 1}",
        ["BatchNormalization", "Conv"],
    ),
    "a sum along an image axis": Case(
        "a = Conv(x, w) y = Add(a, k)", "float[8, 4, 3, 3] w, float[9] k", ["Conv", "Add"]
    ),
    "a number divided by a conv": Case(
        "a = Conv(x, w) y = Div(k, a)", "float[8, 4, 3, 3] w, float[8, 1, 1] k", ["Conv", "Div"]
    ),
    "a number less a conv": Case(
        "a = Conv(x, w) y = Sub(k, a)", "float[8, 4, 3, 3] w, float[8, 1, 1] k", ["Conv", "Sub"]
    ),
    "a sum of more axes": Case(
        "a = Gemm(x, w) y = Add(a, k)",
        "float[4, 8] w, float[3, 1, 8] k",
        ["Gemm", "Add"],
        "float[N, 4] x",
        "float[3, N, 8] y",
    ),
}

PADS = "int64[8] p = {0, 0, 1, 0, 0, 0, 2, 1}"
PADDING = {
    "into a conv": Case(
        "a = Pad(x, p) y = Conv<pads = [1, 1, 1, 1]>(a, w)",
        f"float[8, 4, 3, 3] w, {PADS}",
        ["Conv"],
    ),
    "of zeros, given": Case(
        "a = Pad(x, p, z) y = Conv(a, w)", f"float[8, 4, 3, 3] w, {PADS}, float z = {{0}}", ["Conv"]
    ),
    "valid conv": Case(
        'a = Pad(x, p) y = Conv<auto_pad = "VALID">(a, w)', f"float[8, 4, 3, 3] w, {PADS}", ["Conv"]
    ),
    "of nothing": Case(
        "a = Pad(x, p) y = Relu(a)", "int64[8] p = {0, 0, 0, 0, 0, 0, 0, 0}", ["Relu"]
    ),
    "of ones": Case(
        "a = Pad(x, p, z) y = Conv(a, w)",
        f"float[8, 4, 3, 3] w, {PADS}, float z = {{1}}",
        ["Pad", "Conv"],
    ),
    "that mirrors": Case(
        'a = Pad<mode = "reflect">(x, p) y = Conv(a, w)',
        f"float[8, 4, 3, 3] w, {PADS}",
        ["Pad", "Conv"],
    ),
    "that crops": Case(
        "a = Pad(x, p) y = Conv(a, w)",
        "float[8, 4, 3, 3] w, int64[8] p = {0, 0, -1, 0, 0, 0, -1, 0}",
        ["Pad", "Conv"],
    ),
    "of channels": Case(
        "a = Pad(x, p) y = Conv(a, w)",
        "float[8, 5, 3, 3] w, int64[8] p = {0, 1, 0, 0, 0, 0, 0, 0}",
        ["Pad", "Conv"],
    ),
    "same conv": Case(
        'a = Pad(x, p) y = Conv<auto_pad = "SAME_UPPER">(a, w)',
        f"float[8, 4, 3, 3] w, {PADS}",
        ["Pad", "Conv"],
    ),
    "read twice": Case(
        "a = Pad(x, p) c = Conv(a, w) d = Conv(a, w) y = Add(c, d)",
        f"float[8, 4, 3, 3] w, {PADS}",
        ["Pad", "Conv", "Conv", "Add"],
    ),
    "into a pool": Case(
        "r = Relu(x) a = Pad(r, p) y = MaxPool<kernel_shape = [3, 3], strides = [2, 2]>(a)",
        PADS,
        ["Relu", "MaxPool"],
    ),
    "into a pool of anything": Case(
        "a = Pad(x, p) y = MaxPool<kernel_shape = [3, 3]>(a)", PADS, ["Pad", "MaxPool"]
    ),
    "into a pool that rounds up": Case(
        "r = Relu(x) a = Pad(r, p) "
        "y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(a)",
        PADS,
        ["Relu", "Pad", "MaxPool"],
    ),
    "wider than the pool": Case(
        "r = Relu(x) a = Pad(r, p) y = MaxPool<kernel_shape = [2, 2]>(a)",
        PADS,
        ["Relu", "Pad", "MaxPool"],
    ),
    "into a product": Case(
        "a = Pad(x, p) y = MatMul(a, w)",
        "float[7, 3] w, int64[4] p = {0, 1, 0, 2}",
        ["Pad", "Gemm"],
        "float[N, 4] x",
        "float[N, 3] y",
    ),
}

MATRIX = "float[N, 4] x"
OUT = "float[N, 8] y"
EQUIVALENTS = {
    "sum of one": Case("a = Sum(x) y = Relu(a)", "", ["Relu"]),
    "sum of three": Case("y = Sum(x, k, x)", "float[4, 1, 1] k", ["Add", "Add"]),
    "mean of a map": Case("y = ReduceMean<axes = [-1, 2]>(x)", "", ["GlobalAveragePool"]),
    "mean of a map, flat": Case(
        "y = ReduceMean<axes = [2, 3], keepdims = 0>(x)",
        "",
        ["GlobalAveragePool", "Flatten"],
        outputs="float[N, 4] y",
    ),
    "mean of a map, axes as input": Case(
        "y = ReduceMean(x, i)", "int64[2] i = {2, 3}", ["GlobalAveragePool"], opset=18
    ),
    "mean of rows": Case("y = ReduceMean<axes = [3]>(x)", "", ["ReduceMean"]),
    "mean of all": Case("y = ReduceMean(x)", "", ["ReduceMean"]),
    "mean of tokens": Case(
        "y = ReduceMean<axes = [2]>(x)", "", ["ReduceMean"], "float[N, T, 4] x", "float[N, T, 1] y"
    ),
    "min and max": Case(
        "a = Max(z, x) y = Min(a, s)", "float z = {0}, float[1] s = {0.6}", ["Clip"]
    ),
    "max of two": Case("y = Max(x, k)", "float[4, 1, 1] k", ["Max"]),
    "relu and clip": Case(
        "a = Relu(x) y = Clip(a, z, s)", "float z = {-0.5}, float s = {0.6}", ["Clip"]
    ),
    "clips that leave one number": Case(
        "a = Clip(x, z, s) y = Clip(a, t)",
        "float z = {-0.5}, float s = {0.6}, float t = {0.9}",
        ["Clip"],
    ),
    "clips of computed bounds": Case(
        "m = ReduceMax<keepdims = 0>(x) a = Relu(x) y = Clip(a,, m)",
        "",
        ["ReduceMax", "Relu", "Clip"],
    ),
    "matmul": Case("y = MatMul(x, w)", "float[4, 8] w", ["Gemm"], MATRIX, OUT),
    "matmul and bias": Case(
        "a = MatMul(x, w) y = Add(b, a)", "float[4, 8] w, float[8] b", ["Gemm"], MATRIX, OUT
    ),
    "matmul and one number": Case(
        "a = MatMul(x, w) y = Add(a, b)", "float[4, 8] w, float b = {3}", ["Gemm"], MATRIX, OUT
    ),
    "matmul and one row": Case(
        "a = MatMul(x, w) y = Add(a, b)", "float[4, 8] w, float[1, 8] b", ["Gemm"], MATRIX, OUT
    ),
    "matmul that a sum widens": Case(
        "a = MatMul(x, w) y = Add(a, b)", "float[4, 1] w, float[8] b", ["Gemm", "Add"], MATRIX, OUT
    ),
    "matmul of tokens": Case(
        "a = MatMul(x, w) y = Add(a, b)",
        "float[4, 8] w, float[8] b",
        ["MatMul", "Add"],
        "float[N, T, 4] x",
        "float[N, T, 8] y",
    ),
    "matmul read twice": Case(
        "a = MatMul(x, w) c = Add(a, b) y = Mul(a, c)",
        "float[4, 8] w, float[8] b",
        ["Gemm", "Add", "Mul"],
        MATRIX,
        OUT,
    ),
    "gemm with factors": Case(
        "y = Gemm<alpha = 0.5, beta = -2.0>(x, w, b)",
        "float[4, 8] w, float[8] b",
        ["Gemm"],
        MATRIX,
        OUT,
    ),
    "gemm with a factor of zero": Case(
        "y = Gemm<beta = 0.0>(x, w, b)", "float[4, 8] w, float[8] b", ["Gemm"], MATRIX, OUT
    ),
    "gemm with a factor and a weight that is fed": Case(
        "y = Gemm<alpha = 0.5>(x, w)", "", ["Gemm"], f"{MATRIX}, float[4, 8] w", OUT
    ),
}

NOOPS = {
    "identity": Case("a = Identity(x) b0 = Relu(a) y = Identity(b0)", "", ["Relu"]),
    "dropout": Case("a, m = Dropout(x) b0 = Relu(a) y = Dropout(b0)", "", ["Relu"]),
    "dropout in training": Case(
        "a = Dropout(x, r, t) y = Relu(a)", "float r = {0}, bool t = {1}", ["Dropout", "Relu"]
    ),
    "dropout whose mask is read": Case(
        "a = Relu(x) y, m = Dropout(a)",
        "",
        ["Relu", "Dropout"],
        outputs=f"{MAP}, bool[M, C, K, L] m",
    ),
    "nodes that nothing reads": Case("a = Tanh(x) c = Exp(a) y = Relu(x)", "", ["Relu"]),
    "an input straight to an output": Case(
        "a = Relu(x) y = Identity(x) z = Identity(a)",
        "",
        ["Relu", "Identity"],
        outputs=f"{MAP}, float[M, C, K, L] z",
    ),
}

CONSTANTS = {
    "arithmetic": Case("a = Mul(k, k) c = Add(a, k) y = Mul(x, c)", "float[4, 1, 1] k", ["Mul"]),
    "shapes": Case(
        "s = Shape(x) d = Gather(s, i) t = Concat<axis = 0>(d, m) y = Reshape(x, t)",
        "int64[1] i = {0}, int64[1] m = {-1}",
        ["Reshape"],
        "float[2, 4, 3] x",
        "float[A, B] y",
    ),
    "parts of shapes": Case(
        "s = Shape<start = -1, end = 3>(x) c = Cast<to = 1>(s) y = Mul(x, c)",
        "",
        ["Mul"],
        "float[2, 4, 3] x",
        "float[2, 4, 3] y",
    ),
    "shapes that vary": Case(
        "s = Shape(x) d = Gather(s, i) t = Concat<axis = 0>(d, m) y = Reshape(x, t)",
        "int64[1] i = {0}, int64[1] m = {-1}",
        ["Shape", "Gather", "Concat", "Reshape"],
        outputs="float[A, B] y",
    ),
    "weights": Case(
        "a = Transpose<perm = [1, 0]>(w) y = MatMul(x, a)", "float[8, 4] w", ["Gemm"], MATRIX, OUT
    ),
    "what grows too large": Case(
        "a = Expand(k, i) y = Add(x, a)",
        "float k = {1}, int64[2] i = {600, 600}",
        ["Expand", "Add"],
        "float[600] x",
        "float[600, 600] y",
    ),
    "chance": Case(
        "a = RandomNormalLike(k) c = Mul(a, z) y = Add(x, c)",
        "float[4, 1, 1] k, float z = {0}",
        ["RandomNormalLike", "Mul", "Add"],
    ),
}

CASES = {
    f"{group}: {name}": case
    for group, cases in (
        ("scaling", SCALING),
        ("padding", PADDING),
        ("equivalents", EQUIVALENTS),
        ("noops", NOOPS),
        ("constants", CONSTANTS),
    )
    for name, case in cases.items()
}
