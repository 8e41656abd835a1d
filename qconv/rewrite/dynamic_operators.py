"""Write operators whose inputs are quantized on the way, in the shape that the runtime fuses.

``DynamicQuantizeLinear, MatMulInteger, Cast, Mul, Mul`` becomes the runtime's own
DynamicQuantizeMatMul, or MatMulIntegerToFloat where several products share one quantized input.
LSTM is written by :mod:`qconv.rewrite.ort.lstm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, supersede
from qconv.graph.layers import bias_of, is_turned
from qconv.graph.operators.table import RUNTIME_DOMAIN
from qconv.graph.view import all_nodes, name_of
from qconv.numerics.stored import StoredWeight
from qconv.placement.plan import DynamicKind
from qconv.rewrite.ort.lstm import write_lstm

WeightsByInput = Mapping[tuple[str, int], StoredWeight]
"""Weights ``[..., K, N]`` by the name of the node and the index of its input."""


def rewrite_dynamic(
    model: ir.Model, layers: Mapping[str, DynamicKind], weights: WeightsByInput
) -> None:
    """Replace the planned operators of a prepared model in place."""
    rewriter = _Rewriter(model)
    for node in list(all_nodes(model)):
        kind = layers.get(str(node.name))
        if kind is DynamicKind.PRODUCT:
            rewriter.product(node, weights[str(node.name), 1])
        elif kind is DynamicKind.LSTM:
            rewriter.lstm(node, [weights[str(node.name), index] for index in (1, 2)])
    if DynamicKind.LSTM in layers.values():
        model.graph.opset_imports.setdefault(RUNTIME_DOMAIN, 1)


class _Rewriter:
    def __init__(self, model: ir.Model) -> None:
        self.editor = Editor(model.graph)
        self.graph = model.graph
        self.inputs: dict[tuple[ir.Graph, ir.Value, bool], tuple[ir.Value, ...]] = {}
        self.weights: dict[tuple[ir.Value, int], tuple[ir.Value, ...]] = {}

    def product(self, node: ir.Node, weight: StoredWeight) -> None:
        """Write a MatMul or Gemm; what its weight and bias are multiplied with goes into them."""
        data, quantized = node.inputs[0], node.inputs[1]
        if data is None or quantized is None:
            raise ValueError(f"{node.name}: a product has two inputs")
        alpha = node.attributes.get_float("alpha", 1.0)
        q, scale, zero_point = self._quantized_input(node, data, turned=is_turned(node, 0))
        integers, scales, zero = self._weight(quantized, weight, alpha)
        name = name_of(node.outputs[0])
        product = self._node(
            "MatMulInteger", [q, integers, zero_point, zero], name, ir.DataType.INT32
        )
        cast = self._node("Cast", product.outputs, f"{name}/float", to=int(ir.DataType.FLOAT))
        factor = self._node("Mul", [scale, scales], f"{name}/factor")
        result = self._node("Mul", [cast.outputs[0], factor.outputs[0]], f"{name}/product")
        nodes = [product, cast, factor, result]
        bias = bias_of(node)
        if bias is not None:
            beta = node.attributes.get_float("beta", 1.0)
            if beta != 1.0:
                stored = self.editor.initializer(f"{name}/beta", np.array(beta, np.float32))
                nodes.append(self._node("Mul", [bias, stored], f"{name}/bias"))
                bias = nodes[-1].outputs[0]
            nodes.append(self._node("Add", [result.outputs[0], bias], f"{name}/biased"))
        supersede(node, *nodes)

    def lstm(self, node: ir.Node, weights: list[StoredWeight]) -> None:
        """Write DynamicQuantizeLSTM with integer weights."""
        values = [(node.inputs[index], weight) for index, weight in enumerate(weights, 1)]
        stored = [self._weight(value, weight, 1.0)[:2] for value, weight in values if value]
        shapes = [weight.layout.row_shape for weight in weights]
        write_lstm(node, stored, shapes, self.editor)

    def _quantized_input(
        self, node: ir.Node, data: ir.Value, *, turned: bool
    ) -> tuple[ir.Value, ...]:
        """Return a value as unsigned integers, their scale and zero point.

        All products of one graph that read a value share them.
        """
        graph = node.graph
        if not isinstance(graph, ir.Graph):
            raise ValueError(f"{node.name} is in no graph")
        key = (graph, data, turned)
        if key not in self.inputs:
            name = name_of(data)
            if turned:
                transpose = self._node("Transpose", [data], f"{name}/turned", perm=[1, 0])
                graph.insert_before(node, transpose)
                data = transpose.outputs[0]
            names = [self.editor.unique(f"{name}/{part}") for part in ("u8", "scale", "zero_point")]
            types = (ir.DataType.UINT8, ir.DataType.FLOAT, ir.DataType.UINT8)
            outputs = [
                ir.Value(name=unique, type=ir.TensorType(dtype))
                for unique, dtype in zip(names, types, strict=True)
            ]
            quantize = ir.node(
                "DynamicQuantizeLinear",
                [data],
                outputs=outputs,
                name=self.editor.unique(f"{name}/DynamicQuantizeLinear"),
            )
            graph.insert_before(node, quantize)
            self.inputs[key] = tuple(outputs)
        return self.inputs[key]

    def _weight(
        self, value: ir.Value, weight: StoredWeight, alpha: float
    ) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Return integers, scales and the zero point of a weight, once for all its readers."""
        key = (value, id(weight))
        name = name_of(value)
        own_scales = weight.row_scales.reshape(weight.layout.row_shape)
        if key not in self.weights:
            self.weights[key] = (
                self.editor.initializer(f"{name}/quantized", weight.integers()),
                self.editor.initializer(f"{name}/scale", own_scales),
            )
        integers, scales = self.weights[key]
        if alpha != 1.0:
            scaled = (own_scales * np.float32(alpha)).astype(np.float32)
            scales = self.editor.initializer(f"{name}/scale", scaled)
        return integers, scales, self._zero

    @property
    def _zero(self) -> ir.Value:
        known = self.graph.initializers.get("zero_point/int8")
        if known is not None:
            return known
        return self.editor.initializer("zero_point/int8", np.zeros((), np.int8))

    def _node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value],
        output: str,
        dtype: ir.DataType = ir.DataType.FLOAT,
        **attributes: Any,
    ) -> ir.Node:
        return self.editor.node(op_type, inputs, output, dtype=dtype, **attributes)
