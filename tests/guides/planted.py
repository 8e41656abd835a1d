"""Models with one known fault each, and the files that a user with that fault has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tests.model_helpers import Array, parse, save, set_weight

SCORES = """(float[N, 16] x) => (float[N, 10] y)
<float[16, 48] u, float[48] a, float[48, 48] v, float[48] b, float[48, 10] w, float[10] c> {
    [first] f = Gemm(x, u, a) r = Relu(f) [second] g = Gemm(r, v, b) s = Relu(g)
    [head] y = Gemm(s, w, c) }"""
DIFFERENCES = """(float[N, 32] x) => (float[N, 10] y)
<float[32, 64] u, float[64] a, float[64, 64] v, float[64] b, float[64, 10] w, float[10] c> {
    [first] f = Gemm(x, u, a) r = Relu(f) [second] g = Gemm(r, v, b) [head] y = Gemm(g, w, c) }"""
PICTURES = """(float[N, 3, 16, 16] x) => (float[N, 8, 16, 16] y)
<float[16, 3, 3, 3] u, float[16, 16, 3, 3] v, float[8, 16, 1, 1] w> {
    [one] a = Conv<pads = [1, 1, 1, 1]>(x, u) r = Relu(a)
    [two] b = Conv<pads = [1, 1, 1, 1]>(r, v) s = Relu(b) [three] y = Conv(s, w) }"""
UNFUSED = """(float[N, 3, 16, 16] x) => (float[N, 8, 16, 16] y)
<int8[16, 3, 3, 3] uq, int8[16, 16, 3, 3] vq, int8[8, 16, 1, 1] wq, float us, float vs, float ws,
 float t = {0.03}, int8 z = {0}> {
    xq = QuantizeLinear(x, t, z) xd = DequantizeLinear(xq, t, z) ud = DequantizeLinear(uq, us, z)
    [one] a = Conv<pads = [1, 1, 1, 1]>(xd, ud) r = Relu(a)
    rq = QuantizeLinear(r, t, z) rd = DequantizeLinear(rq, t, z) vd = DequantizeLinear(vq, vs, z)
    [two] b = Conv<pads = [1, 1, 1, 1]>(rd, vd) s = Relu(b)
    sq = QuantizeLinear(s, t, z) sd = DequantizeLinear(sq, t, z) wd = DequantizeLinear(wq, ws, z)
    [three] y = Conv(sd, wd) }"""
"""Symmetric throughout, as tools for GPUs write it: the runtime's CPU kernels do not take that."""
DECODER = """(int64[N, S] ids) => (float[N, S, 64] logits)
<float[64, 128] table, float[128] l, float[128] m, float[128] n, float[128, 128] q,
 float[128, 128] k, float[128, 128] v, float[128, 128] o, float[128, 256] up,
 float[256, 128] down, float[128, 64] head, float root = {0.0884}> {
    h = Gather(table, ids) a = LayerNormalization(h, l)
    b = MatMul(a, q) c = MatMul(a, k) d = MatMul(a, v) e = Transpose<perm = [0, 2, 1]>(c)
    f = MatMul(b, e) g = Mul(f, root) p = Softmax<axis = -1>(g) i = MatMul(p, d) j = MatMul(i, o)
    r = Add(h, j) s = LayerNormalization(r, m) t = MatMul(s, up) u = Relu(t) w = MatMul(u, down)
    x = Add(r, w) y = LayerNormalization(x, n) logits = MatMul(y, head) }"""
PRODUCTS = {
    **dict.fromkeys("qkvo", (128, 128)),
    "up": (128, 256),
    "down": (256, 128),
    "head": (128, 64),
}


def rare_large_scores(folder: Path, *, calibrated: bool) -> None:
    """Every eighth row is large; ``calibrated`` says whether the data have such rows."""
    save(parse(SCORES), folder)
    save_rows(folder / "more.npz", rows(3, 16, large=True))
    save_rows(folder / "cal.npz", rows(1, 16, large=calibrated))
    save_rows(folder / "test.npz", rows(2, 16, large=True))


def small_differences(folder: Path) -> None:
    """The head tells small differences of numbers that are all about 100."""
    model = parse(DIFFERENCES)
    weight = np.random.default_rng(5).standard_normal((64, 10)) / 8
    set_weight(model, "w", (weight - weight.mean(axis=0)).astype(np.float32))
    set_weight(model, "b", np.full(64, 100, np.float32))
    save(model, folder)
    save_both(folder, 32)


def even(folder: Path) -> None:
    """No layer loses more than the others."""
    save(parse(SCORES), folder)
    save_both(folder, 16)


def pictures(folder: Path) -> None:
    """Three convolutions."""
    save(parse(PICTURES), folder)
    images = np.random.default_rng(0).standard_normal((48, 3, 16, 16)).astype(np.float32)
    save_rows(folder / "cal.npz", images[:32])
    save_rows(folder / "test.npz", images[32:])


def unfused(folder: Path) -> None:
    """The same three, and a file of another tool whose Q and DQ the runtime does not fuse."""
    pictures(folder)
    weights = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load(folder / "model.onnx").graph.initializer
    }
    model = parse(UNFUSED)
    for name, weight in weights.items():
        scale = np.asarray(np.abs(weight).max() / 127, np.float32)
        set_weight(model, f"{name}s", scale)
        set_weight(model, f"{name}q", np.rint(weight / scale).astype(np.int8))
    save(model, folder, "model.int8.onnx")


def decoder(folder: Path) -> None:
    """Each column of a weight has two numbers that are five times as large as the others."""
    model, random = parse(DECODER), np.random.default_rng(3)
    for name in "lmn":
        set_weight(model, name, np.ones(128, np.float32))
    for name, (rows_, columns) in PRODUCTS.items():
        weight = random.standard_normal((rows_, columns)) / np.sqrt(rows_)
        for column in range(columns):
            weight[random.integers(0, rows_, 2), column] *= 5
        set_weight(model, name, ((3 if name == "head" else 1) * weight).astype(np.float32))
    save(model, folder)
    for name in ("cal", "test"):
        np.savez(folder / f"{name}.npz", ids=random.integers(0, 64, (40, 16)))


def rows(seed: int, width: int, *, large: bool = False) -> Array:
    """Return 64 rows, every eighth of which may be large: from -9 to 9."""
    random = np.random.default_rng(seed)
    found = np.clip(random.standard_normal((64, width)), -3, 3)
    if large:
        found[::8] = random.uniform(-9, 9, (8, width))
    return found.astype(np.float32)


def save_both(folder: Path, width: int) -> None:
    save_rows(folder / "cal.npz", rows(1, width))
    save_rows(folder / "test.npz", rows(2, width))


def save_rows(path: Path, found: Array) -> None:
    np.savez(path, x=found)


def large_sums(folder: Path) -> None:
    """Sums of the first product are beyond float16; the second product makes them small again."""
    model = parse(SCORES)
    for name, factor in (("u", 60_000), ("v", 0.0001)):
        (weight,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
        set_weight(model, name, numpy_helper.to_array(weight) * np.float32(factor))
    save(model, folder)
    save_both(folder, 16)
