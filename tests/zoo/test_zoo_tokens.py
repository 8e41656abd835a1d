"""Sequences of tokens: a transformer block, and linear layers of fixed and of varying length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.zoo.zoo_helpers import NO_KERNEL, Case, check

SIZES = {"N": (2,), "T": (5,)}
FIRST = "float[16, 8] m, float[8] c"
TOKENS = "float[N, T, 16] x"
TOKENS_OUT = "float[N, T, M] y"

HEADS = "{0} = MatMul(e, w{0}) b{0} = Add({0}, c{0}) r{0} = Reshape(b{0}, i) "
BLOCK = f"""
    t = Gather(table, x) e = LayerNormalization<axis = -1>(t, g, o)
    {"".join(HEADS.format(name) for name in "qkv")}
    tq = Transpose<perm = [0, 2, 1, 3]>(rq) tk = Transpose<perm = [0, 2, 3, 1]>(rk)
    tv = Transpose<perm = [0, 2, 1, 3]>(rv) s = MatMul(tq, tk)
    eight = Constant<value_float = 2.828>() d = Div(s, eight)
    mf = Cast<to = 1>(mask) one = Constant<value_float = 1.0>() inverse = Sub(one, mf)
    lowest = Constant<value_float = -3.4028235e38>() mm = Mul(inverse, lowest)
    ma = Unsqueeze(mm, u) ms = Add(d, ma) p = Softmax<axis = -1>(ms)
    z = MatMul(p, tv) tz = Transpose<perm = [0, 2, 1, 3]>(z) rz = Reshape(tz, l)
    pr = MatMul(rz, wo) po = Add(co, pr) res = Add(po, e)
    f = LayerNormalization<axis = -1>(res, g, o)
    h = MatMul(f, w3) hb = Add(h, c3) a = Gelu(hb) j = MatMul(a, w4) jb = Add(j, c4)
    last = Add(jb, f) y = LayerNormalization<axis = -1>(last, g, o)"""
BLOCK_WEIGHTS = (
    "float[50, 32] table, float[32] g, float[32] o, "
    + ", ".join(f"float[32, 32] w{name}, float[32] c{name}" for name in "qkvo")
    + ", float[32, 64] w3, float[64] c3, float[64, 32] w4, float[32] c4, "
    "int64[4] i = {0, 0, 4, 8}, int64[3] l = {0, 0, 32}, int64[2] u = {1, 2}"
)


def test_a_transformer_with_a_mask_and_lengths_that_vary(tmp_path: Path) -> None:
    case = Case(
        BLOCK,
        BLOCK_WEIGHTS,
        "int64[N, T] x, int64[N, T] mask",
        "float[N, T, 32] y",
        opset=20,
        ir=9,
        kept={
            "Gather": "its table is stored in int8, and its rows become float",
            "LayerNormalization": "it is faster and more exact as one float kernel",
            "Softmax": "probabilities need more than 8 bits, so it is left in float",
            "MatMul": "it multiplies two activations; only products with weights are quantized",
            "Add": "it reads the output of Add, which is in float",
            "Reshape": "it reads the output of Transpose, which is in float",
            "Transpose": "it reads the output of MatMul, which is in float",
            "Unsqueeze": "it reads the output of Mul, which is in float",
            "Mul": "its constant 'lowest' holds NaN, Inf or a sentinel",
            **{op: f"{NO_KERNEL} {op}" for op in ("Div", "Cast", "Sub", "Gelu")},
        },
    )
    feeds = []
    for length in (5, 7, 3, 12):
        ids = np.random.default_rng(length).integers(0, 50, (2, length))
        mask = np.ones((2, length), np.int64)
        mask[1, length // 2 :] = 0
        feeds.append({"x": ids, "mask": mask})
    found = check(case, tmp_path, feeds)
    assert found.quantized == ["MatMul"] * 6


def test_data_may_be_scalars_beside_tokens(tmp_path: Path) -> None:
    case = Case(
        "s = Mul(x, k) y = MatMul(s, m)",
        FIRST,
        f"{TOKENS}, float k",
        TOKENS_OUT,
        axes=SIZES,
        kept={"Mul": "it reads an input of the model, which is in float"},
    )
    check(case, tmp_path)


LENGTHS = {"dynamic": "N, T", "fixed": "1, 5", "fixed, four axes": "2, 3, 5"}
BIASES = {
    "a list": "float[8] c",
    "one row": "float[1, 8] c",
    "three axes": "float[1, 1, 8] c",
    "a number": "float c = {0.7}",
}


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("length", LENGTHS)
def test_biases_of_products_that_stay_float(tmp_path: Path, length: str, bias: str) -> None:
    """Where shapes are fixed the runtime would turn MatMul and Add into a float Gemm."""
    axes = LENGTHS[length]
    case = Case(
        "h = MatMul(x, m) a = Add(c, h) y = Gelu(a)",
        f"float[16, 8] m, {BIASES[bias]}",
        f"float[{axes}, 16] x",
        f"float[{axes}, 8] y",
        opset=20,
        ir=9,
        axes=SIZES,
        kept={
            "Add": "it reads the output of MatMul, which is in float",
            "Gelu": f"{NO_KERNEL} Gelu",
        },
    )
    assert check(case, tmp_path).quantized == ["MatMul"]
