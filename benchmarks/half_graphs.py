"""Small graphs, each with a trap for converters to float16, and the Casts that they cost at least.

The text is that of :mod:`onnx.parser`; what stands among the weights without numbers becomes
random. ``F`` stands for 1, the number of float32 in ``Cast<to>`` and ``dtype``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser

Array = NDArray[np.generic]
Feeds = dict[str, Array]


@dataclass(frozen=True)
class HalfGraph:
    """One graph.

    Attributes:
        name: what it is about.
        text: ``(inputs) => (outputs) <weights> {nodes}``, functions behind it.
        casts: Cast nodes, those of the graph itself included, in the float16 model with inputs and
            outputs in float32, in that with both in float16 (None: they cannot be), and in the
            bfloat16 model with both in float32 (None: ONNX has no bfloat16 for the operators).
        opset: of the standard domain.
        keep: patterns for ``--keep-float``.
        tolerance: largest error, relative to the largest output.
        named: whether the nodes have names, as exporters give them.
        feeds: given arrays instead of random ones, by input.
    """

    name: str
    text: str
    casts: tuple[int, int | None, int | None]
    opset: int = 17
    keep: tuple[str, ...] = ()
    tolerance: float = 0.01
    named: bool = True
    feeds: Feeds = field(default_factory=dict)

    def model(self) -> onnx.ModelProto:
        """Return the float32 model."""
        domains = "".join(f', "{name}" : 1' for name in ("com.microsoft", "local"))
        header = (
            f'<ir_version: {_ir_version(self.opset)}, opset_import: ["" : {self.opset}{domains}]>'
        )
        model = parser.parse_model(
            f"{header} g {self.text.replace('=F>', '=1>').replace('=F,', '=1,')}"
        )
        random = np.random.default_rng(0)
        _fill(model.graph, random)
        if self.named:
            _name(model.graph)
        return model

    def samples(self, count: int = 3) -> list[Feeds]:
        """Return feeds: numbers of a normal distribution, 0 to 3, and booleans; free axes are 2."""
        random = np.random.default_rng(1)
        model = self.model()
        constants = {tensor.name for tensor in model.graph.initializer}
        return [
            {
                info.name: self.feeds[info.name] if info.name in self.feeds else _feed(info, random)
                for info in model.graph.input
                if info.name not in constants
            }
            for _ in range(count)
        ]


def _ir_version(opset: int) -> int:
    return {7: 4, 9: 4, 11: 6, 13: 7}.get(opset, 8 if opset < 19 else 10)


def _fill(graph: onnx.GraphProto, random: np.random.Generator) -> None:
    made = {name for node in graph.node for name in node.output}
    for info in [info for info in graph.value_info if info.name not in made]:
        shape = [axis.dim_value for axis in info.type.tensor_type.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        array = np.asarray(random.standard_normal(shape) / 2, dtype)
        graph.initializer.append(numpy_helper.from_array(array, info.name))
        graph.value_info.remove(info)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _fill(attribute.g, random)


def _name(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        node.name = node.name or f"{node.op_type}_{node.output[0]}"
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _name(attribute.g)


def _feed(info: onnx.ValueInfoProto, random: np.random.Generator) -> Array:
    tensor = info.type.tensor_type
    shape = [axis.dim_value or 2 for axis in tensor.shape.dim]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if dtype.kind == "f":
        return np.asarray(random.standard_normal(shape), dtype)
    return np.asarray(random.integers(0, 2 if dtype.kind == "b" else 4, shape), dtype)


_MASK = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], np.float32)

GRAPHS = (
    HalfGraph(
        "Cast to float from integers",
        """(int64[2,3] ids, float[2,3] x) => (float[2,3] y)
        { f = Cast<to=F>(ids) y = Mul(f, x) }""",
        (3, 1, 3),
    ),
    HalfGraph(
        "Casts back and forth to integers",
        """(float[2,3] x) => (float[2,3] y) <float[3,3] w>
        { i = Cast<to=7>(x) f = Cast<to=F>(i) j = Cast<to=6>(f) g = Cast<to=F>(j)
          y = MatMul(g, w) }""",
        (5, 4, 5),
        feeds={"x": np.arange(2047, 2053, dtype=np.float32).reshape(2, 3)},
    ),
    HalfGraph(
        "Cast to double and back",
        """(float[2,3] x) => (float[2,3] y)
        { d = Cast<to=11>(x) e = Sqrt(d) f = Cast<to=F>(e) y = Relu(f) }""",
        (3, 2, 3),
        feeds={"x": np.arange(6, dtype=np.float32).reshape(2, 3)},
    ),
    HalfGraph(
        "large integers in float inputs",
        """(float[2] ids, float[5000,4] x) => (float[2,4] y)
        { i = Cast<to=7>(ids) g = Gather(x, i) y = Sin(g) }""",
        (3, None, 3),
        feeds={"ids": np.array([4097, 4999], np.float32)},
    ),
    HalfGraph(
        "ConstantOfShape",
        """(float[N,3] x) => (float[N,3] y, float[N,3] z)
        { s = Shape(x) c = ConstantOfShape<value = float[1] {2.5}>(s) d = ConstantOfShape(s)
          y = Add(x, c) z = Max(x, d) }""",
        (3, 0, 3),
    ),
    HalfGraph(
        "ConstantOfShape of integers",
        """(float[N,3] x) => (float[N,3] y)
        { s = Shape(x) c = ConstantOfShape<value = int64[1] {3}>(s) f = Cast<to=F>(c)
          y = Add(x, f) }""",
        (3, 1, 3),
    ),
    HalfGraph(
        "Range of floats",
        """(float[N] x) => (float[N] y) <float zero = {0.0}, float one = {1.0}>
        { s = Size(x) n = Cast<to=F>(s) r = Range(zero, n, one) y = Mul(x, r) }""",
        (4, 2, 4),
    ),
    HalfGraph(
        "random numbers",
        """(float[3,3] x) => (float[3,3] y) <float[3,3] w>
        { a = RandomNormal<shape = [3,3], scale = 0.00001>()
          b = RandomUniform<shape = [3,3], high = 0.00001>()
          c = RandomNormalLike<scale = 0.00001>(x) d = RandomUniformLike<dtype=F, high = 0.00001>(x)
          e = Add(a, b) f = Add(c, d) g = Add(e, f) h = Add(x, g) y = MatMul(h, w) }""",
        (2, 2, 2),
    ),
    HalfGraph(
        "EyeLike and Bernoulli",
        """(float[3,3] x) => (float[3,3] y) <float zero = {0.0}>
        { e = EyeLike(x) s = Sigmoid(x) b = Bernoulli(s) i = EyeLike<dtype=F>(x) n = Mul(b, zero)
          a = Add(e, i) c = Add(a, n) y = MatMul(c, x) }""",
        (2, 0, 2),
    ),
    *(
        HalfGraph(
            f"Resize with scales, opset {opset}",
            f"""(float[1,2,4,4] x) => (float[1,2,8,8] y) <float[4] s = {{1, 1, 2, 2}}, float[8] roi>
            {{ r = Relu(x) y = Resize<mode = "linear">(r, {roi}, s) }}""",
            (2, 0, 2),
            opset=opset,
        )
        for opset, roi in ((11, "roi"), (13, ""), (19, ""))
    ),
    HalfGraph(
        "Resize with roi",
        """(float[1,2,4,4] x) => (float[1,2,8,8] y)
        <float[8] roi = {0, 0, 0.1, 0.1, 1, 1, 0.9, 0.9}, float[4] s = {1, 1, 2, 2}>
        { r = Relu(x)
          y = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize">
            (r, roi, s) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "Resize with computed scales",
        """(float[1,2,H,W] x) => (float[1,2,A,B] y) <float[4] f = {1, 1, 1.7, 1.7}>
        { s = Shape(x) d = Cast<to=F>(s) t = Mul(d, f) u = Floor(t) v = Div(u, d)
          y = Resize<mode = "nearest">(x, , v) }""",
        (3, 1, 3),
        feeds={"x": np.random.default_rng(5).standard_normal((1, 2, 33, 50)).astype(np.float32)},
    ),
    HalfGraph(
        "Upsample",
        """(float[1,2,4,4] x) => (float[1,2,8,8] y) <float[4] s = {1, 1, 2, 2}>
        { r = Relu(x) y = Upsample<mode = "nearest">(r, s) }""",
        (2, 0, 2),
        opset=9,
    ),
    HalfGraph(
        "sizes computed in float",
        """(float[N,3] x, float[M] z) => (float[K,3] y) <float half = {0.5}, int64[1] three = {3}>
        { s = Shape<start = 0, end = 1>(z) f = Cast<to=F>(s) h = Mul(f, half) c = Ceil(h)
          k = Cast<to=7>(c) t = Concat<axis = 0>(k, three) e = Expand(x, t) y = Sin(e) }""",
        (4, 2, 4),
        feeds={"x": np.ones((1, 3), np.float32), "z": np.zeros(4099, np.float32)},
    ),
    HalfGraph(
        "NonMaxSuppression",
        """(float[1,4,4] boxes, float[1,1,4] scores) => (int64[K,3] y, float[1,1,4] z)
        <int64 k = {3}, float iou = {0.5}>
        { y = NonMaxSuppression(boxes, scores, k, iou) z = Relu(scores) }""",
        (2, 2, 2),
    ),
    HalfGraph(
        "TopK",
        """(float[2,8] x) => (float[2,3] y, int64[2,3] i) <int64[1] k = {3}>
        { r = Mul(x, x) y, i = TopK(r, k) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "Q/DQ in the graph",
        """(float[2,8] x) => (float[2,4] y)
        <float s = {0.05}, uint8 z = {128}, float[8,4] w>
        { r = Relu(x) q = QuantizeLinear(r, s, z) d = DequantizeLinear(q, s, z)
          y = MatMul(d, w) }""",
        (2, 0, 2),
        opset=21,
        tolerance=0.05,
    ),
    HalfGraph(
        "Q/DQ that know no float16",
        """(float[2,8] x) => (float[2,4] y)
        <float s = {0.05}, uint8 z = {128}, float[8,4] w>
        { r = Sin(x) q = QuantizeLinear(r, s, z) d = DequantizeLinear(q, s, z)
          y = MatMul(d, w) }""",
        (2, 2, 2),
        tolerance=0.05,
    ),
    HalfGraph(
        "DynamicQuantizeLinear",
        """(float[2,8] x) => (float[2,4] y) <uint8[8,4] w, float[4] b>
        { q, s, z = DynamicQuantizeLinear(x) p = MatMulInteger(q, w, z) f = Cast<to=F>(p)
          m = Mul(f, s) y = Add(m, b) }""",
        (3, 3, 3),
        tolerance=0.05,
    ),
    HalfGraph(
        "weight of two readers, one kept",
        """(float[2,8] x) => (float[2,8] y, float[2,8] z) <float[8,8] w>
        { [a] y = MatMul(x, w) [kept] z = MatMul(x, w) }""",
        (2, 2, 2),
        keep=("kept",),
    ),
    HalfGraph(
        "weights in Constant nodes",
        """(float[2,3] x) => (float[2,3] y)
        { c = Constant<value = float[3] {1, 2, 3}>() s = Constant<value_float = 0.5>()
          v = Constant<value_floats = [0.1, 0.2, 0.3]>() a = Mul(x, c) b = Add(a, v)
          y = Mul(b, s) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "output that is a weight",
        """(float[2,3] x) => (float[2,3] y, float[3] w) <float[3] w = {1, 2, 3}>
        { y = Mul(x, w) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "output that is read, too",
        """(float[2,3] x) => (float[2,3] y, float[2,3] z) { y = Relu(x) z = Sin(y) }""",
        (3, 0, 3),
    ),
    HalfGraph(
        "the same output twice removed",
        """(float[2,3] x) => (float[2,3] y, float[2,3] z, float[2,3] x2)
        <float[3,3] w>
        { y = MatMul(x, w) z = Identity(y) x2 = Identity(x) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "input that is an output",
        """(float[2,3] x, float[2,3] v) => (float[2,3] y, float[2,3] v) { y = Add(x, v) }""",
        (3, 0, 3),
    ),
    HalfGraph(
        "If with captures and own weights",
        """(bool c, float[2,3] x) => (float[2,3] y) <float[3] w>
        { a = Relu(x)
          b = If(c) <then_branch = t () => (float[2,3] p) <float[3] v> { q = Mul(a, v)
          p = Add(q, w) },
                     else_branch = e () => (float[2,3] r) { r = Sub(a, w) }>
          y = Sin(b) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "If with a kept operator inside",
        """(bool c, float[2,3] x) => (float[2,3] y)
        { a = Relu(x)
          b = If(c) <then_branch = t () => (float[2,3] p) { [d] q = Sin(a) [kept] s = Cos(q) [e]
          p = Tanh(s) },
                     else_branch = e () => (float[2,3] r) { r = Neg(a) }>
          y = Sin(b) }""",
        (4, 2, 4),
        keep=("kept",),
    ),
    HalfGraph(
        "branches that return outer values",
        """(bool c, float[2,3] x) => (float[2,3] y)
        { a = Relu(x)
          b = If(c) <then_branch = t () => (float[2,3] p) { p = Identity(a) },
                     else_branch = e () => (float[2,3] v) <float[2,3] v> { }>
          y = Sin(b) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "If that is the output",
        """(bool c, float[2,3] x) => (float[2,3] y)
        { y = If(c) <then_branch = t () => (float[2,3] p) { p = Sin(x) },
                     else_branch = e () => (float[2,3] r) { r = Cos(x) }> }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "Loop",
        """(float[2] x, int64 n) => (float[2] last, float[K,2] all) <bool yes = {1}, float[2] w>
        { last, all = Loop(n, yes, x) <body = b (int64 i, bool go, float[2] s) =>
            (bool on, float[2] t, float[2] scan) <float half = {0.5}>
            { on = Identity(go) f = Cast<to=F>(i) h = Mul(s, half) u = Add(h, f) t = Add(u, w)
              scan = Sin(t) }> }""",
        (4, 1, 4),
        feeds={"n": np.array(3)},
    ),
    HalfGraph(
        "If in a Loop",
        """(float[2] x, bool c) => (float[2] y) <bool yes = {1}, int64 n = {3}, float[2] w>
        { a = Sin(x)
          s = Loop(n, yes, a) <body = b (int64 i, bool go, float[2] s_in) =>
          (bool on, float[2] s_out)
            { on = Identity(go)
              p = If(c) <then_branch = t () => (float[2] q) { q = Add(s_in, w) },
                         else_branch = e () => (float[2] r) { r = Mul(a, s_in) }>
              s_out = Tanh(p) }>
          y = Neg(s) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "Scan",
        """(float[2] x, float[5,2] xs) => (float[2] y, float[5,2] ys)
        { y, ys = Scan<num_scan_inputs = 1, body = b (float[2] s, float[2] v) =>
            (float[2] t, float[2] o) { t = Add(s, v) o = Tanh(t) }>(x, xs) }""",
        (4, 0, 4),
    ),
    HalfGraph(
        "function of the model",
        """(float[2,3] x) => (float[2,3] y) <float[3] w>
        { a = local.f(x, w) y = local.f(a, w) }
        <domain: "local", opset_import: ["" : 17]> f (p, q) => (r)
        { h = Constant<value_float = 0.5>() s = Mul(p, h) i = Cast<to=6>(s) g = Cast<to=F>(i)
          t = Add(s, q) r = Add(t, g) }""",
        (6, 4, 6),
    ),
    HalfGraph(
        "sequences",
        """(float[2,3] x, float[2,3] z) => (float[2,3] y) <int64 one = {1}, float[3,3] w>
        { a = MatMul(x, w) s = SequenceConstruct(a, z) b = SequenceAt(s, one) y = Add(a, b) }""",
        (2, 3, 2),
    ),
    HalfGraph(
        "SplitToSequence",
        """(float[4,3] x) => (float[4,3] y) <float[3,3] w>
        { a = MatMul(x, w) s = SplitToSequence<axis = 0>(a)
          y = ConcatFromSequence<axis = 0>(s) }""",
        (2, 2, 2),
    ),
    HalfGraph(
        "Optional",
        """(float[2,3] x) => (float[2,3] y) <float[3,3] w>
        { a = MatMul(x, w) o = Optional(a) b = OptionalGetElement(o) y = MatMul(b, w) }""",
        (4, 2, 4),
        opset=18,
    ),
    HalfGraph(
        "LSTM, GRU, RNN",
        """(float[5,1,3] x) => (float[5,1,1,4] y, float[1,1,4] h, float[5,1,1,4] z)
        <float[1,16,3] w, float[1,16,4] r, float[1,32] b, float[1,12,4] w2, float[1,12,4] r2,
         float[1,4,3] w3, float[1,4,4] r3, int64[1] one = {1}>
        { y, h = LSTM<hidden_size = 4>(x, w, r, b) s = Squeeze(y, one)
          z = GRU<hidden_size = 4>(s, w2, r2) v = RNN<hidden_size = 4>(x, w3, r3, , , h)
          q = Neg(v) }""",
        (4, 0, 4),
    ),
    HalfGraph(
        "BatchNormalization",
        """(float[1,3,4,4] x) => (float[1,3,4,4] y)
        <float[3] s = {1, 2, 3}, float[3] b, float[3] m, float[3] v = {1, 0.5, 2}>
        { r = Relu(x) y = BatchNormalization(r, s, b, m, v) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "LayerNormalization with Mean",
        """(float[2,8] x) => (float[2,8] y, float[2,1] mean, float[2,1] deviation)
        <float[8] s, float[8] b>
        { r = Sin(x) y, mean, deviation = LayerNormalization(r, s, b) }""",
        (2, 4, 2),
    ),
    HalfGraph(
        "InstanceNormalization",
        """(float[1,2,4,4] x) => (float[1,2,4,4] y) <float[2] s, float[2] b>
        { r = Sin(x) n = InstanceNormalization(r, s, b) y = Cos(n) }""",
        (4, 2, 2),
    ),
    HalfGraph(
        "mask of -3.4e38",
        """(float[2,4,4] x, bool[2,4,4] m) => (float[2,4,4] y)
        <float low = {-3.4028234663852886e38}>
        { w = Where(m, low, x) y = Softmax(w) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "mask of minus infinity",
        """(float[2,4] x, bool[2,4] m) => (float[2,4] y) <float zero = {0.0}>
        { l = Constant<value_float = -inf>() w = Where(m, l, zero) s = Add(x, w)
          y = Softmax(s) }""",
        (2, 0, 2),
        feeds={"m": _MASK == 0},
    ),
    HalfGraph(
        "(1 - mask) * -3.4e38",
        """(float[2,4] x, int64[2,4] mask) => (float[2,4] y)
        <float one = {1.0}, float low = {-3.4028234663852886e38}>
        { f = Cast<to=F>(mask) n = Sub(one, f) p = Mul(n, low) s = Add(x, p) y = Softmax(s) }""",
        (3, 1, 3),
        feeds={"mask": _MASK.astype(np.int64)},
    ),
    HalfGraph(
        "Clip with bounds",
        """(float[2,4] x) => (float[2,4] y)
        <float low = {-0.5}, float high = {3.4028234663852886e38}>
        { a = Clip(x, low, high) y = Clip(a, , high) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "Clip with attributes",
        """(float[2,4] x) => (float[2,4] y) { y = Clip<max = 0.5>(x) }""",
        (2, 0, 2),
        opset=7,
    ),
    HalfGraph(
        "Pow",
        """(float[2,4] x) => (float[2,4] y, float[2,4] z) <float two = {2.0}, int64 three = {3}>
        { s = Sin(x) y = Pow(s, two) z = Pow(s, three) }""",
        (2, 3, 3),
    ),
    HalfGraph(
        "Einsum",
        """(float[2,3,4] x) => (float[2,3,5] y) <float[4,5] w> {
        y = Einsum<equation = "bij,jk->bik">(x, w) }""",
        (2, 0, None),
    ),
    HalfGraph(
        "CumSum",
        """(float[2,5] x) => (float[2,5] y) <int64 axis = {1}> { s = Sin(x) c = CumSum(s, axis)
        y = Neg(c) }""",
        (4, 2, 2),
    ),
    HalfGraph(
        "GridSample",
        """(float[1,2,4,4] x, float[1,3,3,2] grid) => (float[1,2,3,3] y) {
        y = GridSample(x, grid) }""",
        (3, 0, 3),
    ),
    HalfGraph(
        "OneHot",
        """(int64[3] i, float[4,2] x) => (float[3,2] y)
        <int64 depth = {4}, float[2] values = {0, 1}>
        { o = OneHot(i, depth, values) y = MatMul(o, x) }""",
        (2, 0, 3),
    ),
    HalfGraph(
        "Dropout",
        """(float[2,4] x) => (float[2,4] y, bool[2,4] m) <float r = {0.3}> { y,
        m = Dropout(x, r) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "operator of another domain",
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w>
        { m = MatMul(x, w) g = com.microsoft.Gelu(m) y = MatMul(g, w) }""",
        (4, 2, 4),
    ),
    HalfGraph(
        "nodes without names",
        """(float[2,4] x, float[2,4] z) => (float[2,4] y) <float[4,4] w>
        { a = MatMul(x, w) b = Add(a, z) y = Sin(b) }""",
        (3, 0, 3),
        named=False,
    ),
    HalfGraph(
        "names that converters make",
        """(float[2,4] x) => (float[2,4] y) <float[4] w, float[4] w_fp16>
        { ["x/float16"] a = Mul(x, w) y_fp16 = Add(a, w_fp16) y = Sin(y_fp16) }""",
        (2, 0, 2),
    ),
    HalfGraph(
        "outputs in float and kept",
        """(float[2,4] x) => (float[2,4] y) <float[4,4] w>
        { [a] p = Sin(x) [b] q = Cos(p) [c] y = MatMul(q, w) }""",
        (2, 2, 2),
        keep=("^b$",),
    ),
    HalfGraph(
        "Conv net at opset 7",
        """(float[1,3,6,6] x) => (float[1,4] y)
        <float[4,3,3,3] w, float[4] b, float[4,4] v, float[4] c>
        { a = Conv<pads = [1,1,1,1]>(x, w, b) r = Relu(a) g = GlobalAveragePool(r) f = Flatten(g)
          y = Gemm(f, v, c) }""",
        (2, 0, 2),
        opset=7,
    ),
    HalfGraph(
        "free axes at opset 26",
        """(float[N,L,4] x) => (float[N,L,4] y) <float[4,4] w>
        { m = MatMul(x, w) s = Softmax(m) y = Add(s, x) }""",
        (2, 0, 2),
        opset=26,
    ),
    HalfGraph(
        "constant below the smallest float16",
        """(float[1,2] x) => (float[1,2] y) <float tiny = {0.0000001}, float[2,2] w>
        { a = MatMul(x, w) b = Sigmoid(a) c = Add(b, tiny) y = Log(c) }""",
        (2, 2, 2),
    ),
)
