"""Models that have a simpler form, and what each comes down to."""

from __future__ import annotations

from tests.graph.prepare_case import MAP, MATRIX, OUT, Case

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

ACTIVATIONS = {
    "hard sigmoid": Case(
        "a = Conv(x, w, b) y = HardSigmoid<alpha = 0.3, beta = 0.4>(a)",
        "float[8, 4, 3, 3] w, float[8] b",
        ["Conv", "Clip"],
    ),
    "hard sigmoid of what is read elsewhere": Case(
        "a = Conv(x, w) s = HardSigmoid(a) y = Add(a, s)",
        "float[8, 4, 3, 3] w",
        ["Conv", "HardSigmoid", "Add"],
    ),
    "hard sigmoid of the input": Case("y = HardSigmoid(x)", "", ["HardSigmoid"]),
    "hard swish": Case(
        "a = Conv(x, w) y = HardSwish(a)",
        "float[8, 4, 3, 3] w",
        ["Conv", "Add", "Clip", "Mul", "Mul"],
    ),
    "hard swish of two nodes": Case(
        "a = Conv(x, w) s = HardSigmoid<alpha = 0.3, beta = 0.4>(a) y = Mul(s, a)",
        "float[8, 4, 3, 3] w",
        ["Conv", "Add", "Clip", "Mul", "Mul"],
    ),
    "hard swish before a conv": Case(
        "a = Conv(x, w) s = HardSwish(a) y = Conv(s, k)",
        "float[8, 4, 3, 3] w, float[2, 8, 1, 1] k",
        ["Conv", "Add", "Clip", "Mul", "Conv"],
    ),
    "hard swish of the input": Case("y = HardSwish(x)", "", ["HardSwish"]),
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
        ("equivalents", EQUIVALENTS),
        ("activations", ACTIVATIONS),
        ("noops", NOOPS),
        ("constants", CONSTANTS),
    )
    for name, case in cases.items()
}
