"""Models whose linear layers take in what is around them, and what each comes down to."""

from __future__ import annotations

from tests.graph.prepare_case import MAP, MATRIX, OUT, Case

NORM = "float[8] g, float[8] o, float[8] m, float[8] v = {1, 2, 0.5, 1, 3, 1, 0.1, 4}"

BN = "BatchNormalization(a, g, o, m, v)"

PADS = "int64[8] p = {0, 0, 1, 0, 0, 0, 2, 1}"

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

FACTORS = {
    "before a conv": Case(
        "a = Mul(k, x) y = Conv(a, w)", "float k = {-3}, float[8, 4, 3, 3] w", ["Conv"]
    ),
    "division before a padded conv": Case(
        "a = Div(x, k) y = Conv<pads = [1, 1, 1, 1]>(a, w)",
        "float[1] k = {255}, float[8, 4, 3, 3] w",
        ["Conv"],
    ),
    "before a gemm": Case(
        "a = Mul(x, k) y = Gemm<alpha = 0.5>(a, w, b)",
        "float k = {3}, float[4, 8] w, float[8] b",
        ["Gemm"],
        MATRIX,
        OUT,
    ),
    "before a product of tokens": Case(
        "a = Mul(x, k) y = MatMul(a, w)",
        "float k = {3}, float[4, 8] w",
        ["MatMul"],
        "float[N, T, 4] x",
        "float[N, T, 8] y",
    ),
    "read twice": Case(
        "a = Mul(x, k) c = Conv(a, w) d = Conv(a, w) y = Add(c, d)",
        "float k = {3}, float[8, 4, 3, 3] w",
        ["Conv", "Conv", "Add"],
    ),
    "a channel": Case(
        "a = Mul(x, k) y = Conv(a, w)", "float[4, 1, 1] k, float[8, 4, 3, 3] w", ["Conv"]
    ),
    "difference and quotient": Case(
        "a = Sub(x, k) c = Div(a, l) y = Relu(c)",
        "float[4, 1, 1] k, float[4, 1, 1] l",
        ["Add", "Mul", "Relu"],
    ),
    "division by zero": Case("a = Div(x, k) y = Relu(a)", "float k = {0}", ["Div", "Relu"]),
    "division of a constant": Case("a = Exp(x) y = Div(k, a)", "float k = {2}", ["Exp", "Div"]),
    "scores and gelu": Case(
        "s = MatMul(x, x) a = Div(s, k) d = Div(a, r) e = Erf(d) y = Mul(a, e)",
        "float k = {8}, float r = {1.41421}",
        ["MatMul", "Div", "Div", "Erf", "Mul"],
        "float[N, 4, 4] x",
        "float[N, 4, 4] y",
    ),
}

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

CASES = {
    f"{group}: {name}": case
    for group, cases in (
        ("scaling", SCALING),
        ("factors", FACTORS),
        ("padding", PADDING),
    )
    for name, case in cases.items()
}
