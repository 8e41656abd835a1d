"""Models with chains of sums and products with constants, and what each comes down to."""

from __future__ import annotations

from tests.graph.prepare_case import Case

CHAINS = {
    "into a conv": Case(
        "a = Mul(x, k) c = Add(a, o) d = Div(c, l) y = Conv<group = 2>(d, w, b)",
        "float[4, 1, 1] k, float o = {0.5}, float[1] l = {3}, float[8, 2, 3, 3] w, float[8] b",
        ["Conv"],
    ),
    "into convs that share a weight": Case(
        "a = Sub(o, x) c = Conv(a, w) d = Conv<strides = [2, 2]>(a, w) e = Relu(d) y = Neg(c)",
        "float[4, 1, 1] o, float[8, 4, 3, 3] w",
        ["Conv", "Neg"],
    ),
    "before a padded conv": Case(
        "a = Mul(x, k) c = Add(a, o) y = Conv<pads = [1, 1, 1, 1]>(c, w)",
        "float[4, 1, 1] k, float o = {0.5}, float[8, 4, 3, 3] w",
        ["Add", "Conv"],
    ),
    "of nothing before a padded conv": Case(
        'a = Mul(x, k) c = Add(a, o) y = Conv<auto_pad = "SAME_UPPER">(c, w)',
        "float k = {0}, float o = {0.5}, float[8, 4, 3, 3] w",
        ["Mul", "Add", "Conv"],
    ),
    "a sum before a padded conv": Case(
        "a = Add(x, o) y = Conv<pads = [1, 1, 1, 1]>(a, w)",
        "float o = {0.5}, float[8, 4, 3, 3] w",
        ["Add", "Conv"],
    ),
    "long": Case(
        "a = Mul(x, k) c = Add(a, o) d = Mul(c, l) e = Sub(d, o) y = Sigmoid(e)",
        "float[4, 1, 1] k, float o = {0.5}, float l = {3}",
        ["Mul", "Add", "Sigmoid"],
    ),
    "that comes to nothing": Case(
        "a = Mul(x, k) c = Div(a, k) d = Neg(x) e = Add(c, d) y = Exp(e)",
        "float k = {2}",
        ["Mul", "Mul", "Neg", "Add", "Exp"],
    ),
    "read in between": Case(
        "a = Mul(x, k) c = Add(a, o) d = Conv(c, w) e = Conv(a, w) y = Mul(d, e)",
        "float k = {3}, float o = {0.5}, float[8, 4, 3, 3] w",
        ["Mul", "Conv", "Conv", "Mul"],
    ),
    "read by a conv as weight": Case(
        "a = Add(x, o) y = Conv(x, a)",
        "float o = {0.5}",
        ["Add", "Conv"],
        "float[3, 3, 3, 3] x",
        "float[3, 3, 1, 1] y",
    ),
}

CASES = {f"chains: {name}": case for name, case in CHAINS.items()}
