"""Put each stored weight in the place of the float one, for all that read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from qconv.graph.edit import Editor, insert_before_reader
from qconv.graph.layers import is_turned
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import RUNTIME_DOMAIN, operator_of
from qconv.numerics.stored import StoredWeight
from qconv.placement.stored_weights import WeightOnlyPlan, WeightPlan
from qconv.placement.targets.table import Target
from qconv.rewrite.ort import block_weights
from qconv.rewrite.weights.chain import Chain
from qconv.rewrite.weights.dequantized import dequantized_weight
from qconv.rewrite.weights.shared_constants import Constants
from qconv.rewrite.weights.unpacked import unpacked_weight

Format = Literal["operator", "qdq", "unpacked"]
Key = tuple[int, str]


@dataclass(frozen=True)
class Written:
    """How many readers of stored weights were written in which way.

    Keys: ``MatMulNBits``, ``GatherBlockQuantized``, ``DequantizeLinear`` by the operator that
    reads it, and ``unpacked`` for weights that the runtime unpacks at load.
    """

    operators: Mapping[str, int]
    dequantized: Mapping[str, int]
    unpacked: Mapping[str, int]


def stored_format(target: Target) -> Format:
    """Return how a target reads weights that are only stored, at whatever opset."""
    if target.has_ort_operators:
        return "operator"
    return "qdq" if target.inline_constants else "unpacked"


def rewrite_weights(
    model: ir.Model,
    plan: WeightOnlyPlan,
    weights: Mapping[Key, StoredWeight],
    output: Format,
) -> Written:
    """Replace weights in place.

    Args:
        model: the prepared model that the plan was made for, its opset high enough for ``qdq``.
        plan: which weights are stored.
        weights: by graph number and name; tied weights hold the same packed codes.
        output: ``operator`` for ONNX Runtime's own operators where it has some, ``qdq`` for
            DequantizeLinear, ``unpacked`` for what is computed when the model is loaded.
    """
    return _Rewriter(model, weights, output).run(plan)


class _Rewriter:
    def __init__(
        self, model: ir.Model, weights: Mapping[Key, StoredWeight], output: Format
    ) -> None:
        self.model = model
        self.weights = weights
        self.output = output
        self.graphs = [model.graph, *model.graph.subgraphs()]
        self.editor = Editor(model.graph)
        self.constants = {graph: Constants(self.editor, graph) for graph in self.graphs}
        self.stem = ""
        self.packed: dict[tuple[int, int, int], ir.Value] = {}
        self.counts: dict[str, Counter[str]] = {
            "operators": Counter(),
            "dequantized": Counter(),
            "unpacked": Counter(),
        }

    def run(self, plan: WeightOnlyPlan) -> Written:
        for number, weight_plan in enumerate(plan.weights):
            self.stem = f"stored_{number}"
            self._replace(weight_plan, self.weights[weight_plan.graph, weight_plan.weight])
        if self.counts["operators"]:
            self.model.graph.opset_imports.setdefault(RUNTIME_DOMAIN, 1)
        return Written(**self.counts)

    def _replace(self, plan: WeightPlan, weight: StoredWeight) -> None:
        graph = self.graphs[plan.graph]
        value = graph.initializers[plan.weight]
        if self.output == "operator":
            for node, index in list(value.uses()):
                self._replace_operator(node, index, plan, weight)
        readers = [(node, index) for node, index in value.uses()]
        if readers:
            self._restore(value, plan, weight, readers)
        graph.initializers.pop(plan.weight)

    def _replace_operator(
        self, node: ir.Node, index: int, plan: WeightPlan, weight: StoredWeight
    ) -> None:
        """Write the runtime's own operator, if it has one for this reader."""
        graph = self.graphs[plan.graph]
        if node.graph is not graph:
            return
        constants = self.constants[graph]
        block = block_weights.kernel_block(weight)
        width = -(-weight.layout.columns // block) * block
        if block_weights.takes_product(node, index, weight):
            packed = self._packed(plan, weight, width)
            block_weights.replace_product(node, weight, packed, self.stem, constants)
            self.counts["operators"]["MatMulNBits"] += 1
        elif operator_of(node).family is Family.LOOKUP and block_weights.takes_table(node, weight):
            packed = self._packed(plan, weight, weight.layout.columns)
            block_weights.replace_gather(node, weight, packed, self.stem, constants)
            self.counts["operators"]["GatherBlockQuantized"] += 1

    def _packed(self, plan: WeightPlan, weight: StoredWeight, columns: int) -> ir.Value:
        """Return the codes as an initializer, the same for tied weights."""
        key = (plan.graph, id(weight.packed), columns)
        if key not in self.packed:
            constants = self.constants[self.graphs[plan.graph]]
            self.packed[key] = constants.own(f"{plan.weight}/packed", weight.padded(columns))
        return self.packed[key]

    def _restore(
        self,
        value: ir.Value,
        plan: WeightPlan,
        weight: StoredWeight,
        readers: list[tuple[ir.Node, int]],
    ) -> None:
        """Write nodes that give the float weight, before the node that reads it."""
        graph = self.graphs[plan.graph]
        constants = self.constants[graph]
        dtype = value.dtype or ir.DataType.FLOAT
        dequantize = self.output == "qdq" and bool(weight.dtype.container)
        if dequantize:
            turn = all(_is_transposed_gemm(node, index) for node, index in readers)
            chain = dequantized_weight(weight, self.stem, dtype, constants, columns_first=turn)
            for node, _ in readers if turn else ():
                node.attributes.pop("transB")
        else:
            chain = self._unpack(plan, weight, dtype)
        for node, index in readers:
            self.counts["dequantized" if dequantize else "unpacked"][node.op_type] += 1
            node.replace_input_with(index, chain.value)
        insert_before_reader([node for node, _ in readers], graph, *chain.nodes)

    def _unpack(self, plan: WeightPlan, weight: StoredWeight, dtype: ir.DataType) -> Chain:
        count = 8 // weight.dtype.bits
        columns = weight.layout.columns
        if weight.block is not None:
            columns = weight.scale.shape[1] * weight.block
        width = columns + -columns % count
        packed = self._packed(plan, weight, width)
        constants = self.constants[self.graphs[plan.graph]]
        return unpacked_weight(weight, self.stem, dtype, constants, packed=packed, width=width)


def _is_transposed_gemm(node: ir.Node, index: int) -> bool:
    return index == 1 and is_turned(node, 1)
