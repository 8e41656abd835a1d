"""Sound models to begin with: small graphs of every kind, and ONNX's own node models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.model_helpers import parse, random_feeds

Feeds = dict[str, NDArray[Any]]
_PLAIN = np.ndarray | np.generic

_GRAPHS = {
    "convolutions": """(float[N,3,8,8] x) => (float[N,4] y) <
      float[4,3,3,3] w, float[4] b, float[4,1,3,3] dw, float[4] s, float[4] o, float[4] m,
      float[4] v = {1,2,1,1}, float[4,4] fw, float[4] fb, float lo = {0}, float hi = {6}> {
      c = Conv<pads=[1,1,1,1]>(x, w, b)
      n = BatchNormalization(c, s, o, m, v)
      r = Clip(n, lo, hi)
      d = Conv<pads=[1,1,1,1], group=4>(r, dw)
      a = Add(d, r)
      p = GlobalAveragePool(a)
      f = Flatten(p)
      y = Gemm(f, fw, fb)
    }""",
    "attention": """(int64[N,6] ids, float[N,6] mask) => (float[N,6,8] y) <
      float[20,8] table, float[8] g, float[8] b, float[8,8] q, float[8,8] k, float[8,8] v,
      float[8,8] o, float[8,32] up, float[32,8] down, int64[2] axes = {1, 1},
      float big = {-10000}, float one = {1}, float root = {2.83}, int64[1] at = {1}> {
      e = Gather(table, ids)
      n = LayerNormalization(e, g, b)
      qx = MatMul(n, q) kx = MatMul(n, k) vx = MatMul(n, v)
      t = Transpose<perm=[0,2,1]>(kx)
      s = MatMul(qx, t)
      d = Div(s, root)
      h = Sub(one, mask) i = Mul(h, big) u = Unsqueeze(i, at)
      l = Add(d, u)
      p = Softmax<axis=-1>(l)
      c = MatMul(p, vx)
      z = MatMul(c, o)
      r = Add(z, e)
      f = MatMul(r, up) a = Gelu(f) w = MatMul(a, down)
      y = Add(w, r)
    }""",
    "recurrent": """(float[5,N,4] x) => (float[5,1,N,64] y) <
      float[1,256,4] w, float[1,256,64] r, float[1,512] b> {
      y = LSTM<hidden_size=64>(x, w, r, b)
    }""",
    "branches": """(float[N,4] x, bool c) => (float[N,4] y) <float[4,4] w, float[4,4] v> {
      h = MatMul(x, w)
      y = If(c) <then_branch = t () => (float[N,4] a) { a = MatMul(h, v) },
                 else_branch = e () => (float[N,4] b) { b = Relu(h) }>
    }""",
    "loop": """(float[2,4] x) => (float[2,4] y) <float[4,4] w, int64 n = {3}, bool t = {1}> {
      y = Loop(n, t, x) <body = l (int64 i, bool go, float[2,4] s) => (bool on, float[2,4] r) {
        on = Identity(go) p = MatMul(s, w) r = Tanh(p) }>
    }""",
    "scan": """(float[3,4] x) => (float[4] y, float[3,4] all) <float[4] start, float[4,4] w> {
      y, all = Scan(start, x) <num_scan_inputs=1, body = s (float[4] a, float[4] b)
        => (float[4] c, float[4] d) { m = MatMul(b, w) c = Add(a, m) d = Identity(c) }>
    }""",
    "pyramid": """(float[1,4,8,8] x) => (float[1,2,8,8] y) <float[4,4,3,3] w, float[4,2,2,2] t,
      float[4] e, float[2,6,1,1] o, float[2,4,1,1] k, float[0] none> {
      c = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w)
      s = Sigmoid(c) g = Mul(c, s)
      u = ConvTranspose<strides=[2,2]>(g, t)
      q = Conv(x, k) a = Concat<axis=1>(u, q, u)
      y = Conv(a, o)
    }""",
    "products": """(float[N,4] x) => (float[N,4] y) <float[4,8] w, float[8] b, float[8,4] v> {
      m = MatMul(x, w) a = Add(m, b) r = Relu(a) y = MatMul(r, v)
    }""",
    "quantized": """(float[1,4] x) => (float[1,4] y) <
      float s = {0.05}, uint8 z = {128}, int8[4,4] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7},
      float t = {0.1}, int8 k = {0}> {
      q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) e = DequantizeLinear(w, t, k)
      y = MatMul(d, e)
    }""",
    "sequence": """(float[2,4] x) => (float[4,4] y) <float[4,4] w> {
      m = MatMul(x, w) s = SequenceConstruct(x, m) y = ConcatFromSequence<axis=0>(s)
    }""",
}


WITH_WEIGHTS = " with weights"
"""How the name of a node model ends whose inputs became weights."""


@dataclass(frozen=True)
class Seed:
    """A model that is sound, with feeds for it where its inputs are plain arrays."""

    name: str
    model: bytes
    feeds: tuple[Feeds, ...]

    def proto(self) -> onnx.ModelProto:
        """Return a copy of the model that may be changed."""
        return onnx.load_model_from_string(self.model)


def own_seeds() -> list[Seed]:
    """Return the graphs above."""
    seeds = []
    for name, text in _GRAPHS.items():
        model = parse(text, opset=20, ir=9)
        feeds = random_feeds(model, {"N": (1,)}, count=3)
        seeds.append(Seed(name, model.SerializeToString(), tuple(map(dict, feeds))))
    return seeds


def node_seeds() -> list[Seed]:
    """Return the models of single operators that come with the installed onnx package.

    Where it has several inputs a model comes twice, once with all but the first of them as
    weights. Making them takes some seconds, since each comes with the right answer.
    """
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = collect_testcases()
    seeds = []
    for case in cases:
        if case.model is None or case.data_sets is None:
            continue
        names = [info.name for info in case.model.graph.input]
        arrays = [np.asarray(a) for a in case.data_sets[0][0] if isinstance(a, _PLAIN)]
        fits = len(arrays) == len(names) and all(array.dtype.kind in "biuf" for array in arrays)
        feeds = dict(zip(names, arrays, strict=True)) if fits else {}
        seeds.append(_seed(case.name, case.model, feeds))
        if len(feeds) > 1:
            seeds.append(_weighted(case.name, case.model, feeds))
    return seeds


def _seed(name: str, model: onnx.ModelProto, feeds: Feeds) -> Seed:
    return Seed(name, model.SerializeToString(), (feeds,) if feeds else ())


def _weighted(name: str, model: onnx.ModelProto, feeds: Feeds) -> Seed:
    first, *others = feeds
    weighted = onnx.ModelProto.FromString(model.SerializeToString())
    del weighted.graph.input[1:]
    weighted.graph.initializer.extend(
        numpy_helper.from_array(feeds[other], other) for other in others
    )
    return _seed(name + WITH_WEIGHTS, weighted, {first: feeds[first]})
