"""A target that is nobody's, and a net for it."""

from __future__ import annotations

from qconv.numerics.number_types import INT8
from qconv.numerics.schemes import PerTensor, Scheme
from qconv.placement.targets.table import Bias, Kind, OpRule, Output, Target

TOY = Target(
    name="toy-npu",
    runtime="the toy's runtime",
    activations={"int8": Scheme(INT8, symmetric=True, granularity=PerTensor())},
    rules={
        "Conv": OpRule(Kind.CONVOLUTION, output=Output.NEVER),
        "Gemm": OpRule(Kind.PRODUCT, output=Output.NEVER),
    },
    bias=Bias.FLOAT,
)
"""Symmetric int8, float biases, no Q behind layers, no operators but those of ONNX."""

NET = """(float[N,3,8,8] x) => (float[N,5] y)
<float[8,3,3,3] w, float[8] b, float[8,8,3,3] v, float[8] c, float[5,8] m, float[5] d> {
  a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
  r = Relu(a)
  e = Conv<pads = [1, 1, 1, 1]>(r, v, c)
  s = Add(e, r)
  p = GlobalAveragePool(s)
  f = Flatten(p)
  y = Gemm<transB = 1>(f, m, d)
}"""

PRODUCT = "(float[N,{k}] x) => (float[N,64] y) <float[{k},64] w> {{ y = MatMul(x, w) }}"
