"""Which weights are stored in low bits, how each is seen as a matrix, and what reads it."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.layers import groups_of, is_turned
from qconv.graph.operators.facts import Family, Movement
from qconv.graph.operators.table import operator_of
from qconv.graph.view import (
    constant,
    is_constant,
    name_of,
    static_shape,
)
from qconv.numerics.layouts import Layout, convolution_transpose, matrix, transposed
from qconv.numerics.schemes import PerAxis, PerBlock, PerTensor, Scheme
from qconv.placement.plan import KEPT, Decisions, NodePlan
from qconv.placement.targets.table import Target

_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE)
_PASSED = (Movement.SAME, Movement.LAYOUT, Movement.JOIN)
_OVERHEAD = 800
"""Bytes that the nodes around a stored weight take in the file, at most."""
_LEAST_BLOCK = 16
_SHARED = "it shares its weight with an operator that is kept in float"
_LEFT = "embeddings stay in float, as requested"


class Role(Enum):
    """What a weight is to the operators that read it."""

    PRODUCT = "the matrix of MatMul or Gemm"
    CONVOLUTION = "the kernel of Conv or ConvTranspose"
    TABLE = "the table of Gather"
    RECURRENT = "the weights of LSTM, GRU or RNN"
    MOVED = "taken apart or put together before it is used"


@dataclass(frozen=True)
class WeightReader:
    """One use of a weight: the input of a node."""

    node: str
    op_type: str
    index: int


@dataclass(frozen=True)
class WeightPlan:
    """One weight to be stored in low bits.

    Attributes:
        weight: name of the initializer.
        graph: which graph holds it: 0 is the main graph, the others are its subgraphs in order.
        role: what it is to its readers.
        layout: how it is seen as a matrix.
        readers: its uses.
        scheme: type and granularity; an axis is that of its rows.
        tied_to: the weight whose matrix it is equal to, or None.
    """

    weight: str
    graph: int
    role: Role
    layout: Layout
    readers: tuple[WeightReader, ...]
    scheme: Scheme
    tied_to: str | None = None


@dataclass(frozen=True, repr=False)
class WeightOnlyPlan(Decisions):
    """What is stored in low bits; ``nodes`` holds the operators that read float weights."""

    weights: tuple[WeightPlan, ...]


def place_weights(
    model: ir.Model,
    target: Target,
    schemes: Mapping[Role, Scheme],
    others: Mapping[str, Scheme] = MappingProxyType({}),
) -> WeightOnlyPlan:
    """Return the plan for a prepared model.

    Args:
        model: the prepared model.
        target: the runtime that will load it.
        schemes: how weights of each role are stored; those of others are left in float.
        others: how single weights are stored in place of that, by name.
    """
    nodes: dict[str, NodePlan] = {}
    weights = []
    opset = model.graph.opset_imports.get("", 1)
    for number, graph in enumerate((model.graph, *model.graph.subgraphs())):
        for value in graph.initializers.values():
            uses = [(node, index) for node, index in value.uses()]
            if value.dtype not in _FLOATS or len(static_shape(value) or ()) < 2 or not uses:
                continue
            found = [_use(node, index) for node, index in uses]
            if not any(role for role, _ in found):
                continue
            seen = _agreed(found, uses)
            reason: str | None = _LEFT
            if isinstance(seen, str):
                reason = seen
            elif (scheme := others.get(name_of(value), schemes.get(seen.role))) is not None:
                scheme = fitted(scheme, seen.layout, target)
                reason = _refusal(value, seen.layout, scheme)
                if reason is None and target.inline_constants:
                    why = _computed(value, seen.layout, scheme, opset)
                    reason = why and f"{why}, and {target.runtime} does not fold constants"
                if reason is None:
                    readers = tuple(WeightReader(str(n.name), n.op_type, i) for n, i in uses)
                    weights.append(
                        WeightPlan(
                            weight=name_of(value),
                            graph=number,
                            role=seen.role,
                            layout=seen.layout,
                            readers=readers,
                            scheme=scheme,
                        )
                    )
            for node, _ in uses:
                name = str(node.name)
                quantized = reason is None or (name in nodes and nodes[name].quantized)
                nodes[name] = NodePlan(name, node.op_type, quantized, reason or "")
    return WeightOnlyPlan(nodes, target, tuple(_tied(model, weights, others)))


def without(plan: WeightOnlyPlan, kept: Collection[str]) -> WeightOnlyPlan:
    """Return a plan in which operators stay float, and what shares a weight with one."""
    weights = [w for w in plan.weights if not any(reader.node in kept for reader in w.readers)]
    names = {weight.weight for weight in weights}
    free = [replace(w, tied_to=None) if w.tied_to not in names else w for w in weights]
    stored = {reader.node for weight in weights for reader in weight.readers}
    nodes = {
        name: node
        if name in stored or not node.quantized
        else replace(node, quantized=False, reason=KEPT if name in kept else _SHARED)
        for name, node in plan.nodes.items()
    }
    return replace(plan, nodes=nodes, weights=tuple(free))


def _use(node: ir.Node, index: int) -> tuple[Role | None, Layout | None]:
    """Return what a value is to one reader, and how it is seen as a matrix there."""
    value = node.inputs[index]
    shape = static_shape(value)
    if value is None or shape is None or None in shape:
        return None, None
    sizes = tuple(size for size in shape if size is not None)
    operator = operator_of(node)
    if operator.layer is Family.PRODUCT and index < 2:
        by_row = is_turned(node, index) == bool(index)
        return Role.PRODUCT, matrix(sizes, axes=len(sizes) - 1) if by_row else transposed(sizes)
    if index in operator.weights:
        if operator.layer is Family.CONVOLUTION:
            return Role.CONVOLUTION, matrix(sizes, groups=groups_of(node))
        if operator.layer is Family.SPREADING:
            return Role.CONVOLUTION, convolution_transpose(sizes, groups_of(node))
        if operator.layer is Family.RECURRENT:
            return Role.RECURRENT, matrix(sizes, axes=2, groups=sizes[0])
        if operator.family is Family.LOOKUP and not is_constant(node.inputs[1]):
            return Role.TABLE, matrix(sizes)
    if (operator.moves in _PASSED or operator.family is Family.CAST) and index == 0:
        return Role.MOVED, matrix(sizes)
    return None, None


@dataclass(frozen=True)
class _Seen:
    role: Role
    layout: Layout


def _agreed(
    found: list[tuple[Role | None, Layout | None]], uses: Sequence[tuple[ir.Node, int]]
) -> _Seen | str:
    """Return what a weight is to all that read it, or why it is nothing that can be stored."""
    roles = {role for role, _ in found if role is not None}
    layouts = [layout for _, layout in found if layout is not None]
    if any(role is None for role, _ in found):
        pairs = zip(uses, found, strict=True)
        others = sorted({node.op_type for (node, _), (role, _) in pairs if role is None})
        return f"its weight is also read by {', '.join(others)}"
    if len(roles) > 1 and roles != {Role.TABLE, Role.PRODUCT}:
        roles = {Role.MOVED}
    agreed = len(set(layouts)) == 1
    role = Role.PRODUCT if len(roles) > 1 and agreed else Role.MOVED if not agreed else roles.pop()
    layout = layouts[0] if agreed else matrix(layouts[0].shape)
    return _Seen(role, layout)


def fitted(scheme: Scheme, layout: Layout, target: Target) -> Scheme:
    """Return the scheme as the target takes it: in the largest smaller blocks that fill the rows.

    Where there are none, or blocks of such a weight would have to be laid out anew when the model
    is loaded and the target computes no constants, each row has one scale.
    """
    granularity, columns = scheme.granularity, layout.columns
    if not isinstance(granularity, PerBlock):
        return scheme
    if target.inline_constants and not layout.stays_whole(blocked=granularity.size < columns):
        return replace(scheme, granularity=PerAxis(0))
    if not target.whole_blocks or columns % granularity.size == 0:
        return scheme
    sizes = [granularity.size >> step for step in range(granularity.size.bit_length())]
    whole = next((size for size in sizes if size >= _LEAST_BLOCK and columns % size == 0), None)
    return replace(scheme, granularity=PerAxis(0) if whole is None else PerBlock(whole))


def _refusal(value: ir.Value, layout: Layout, scheme: Scheme) -> str | None:
    width = value.dtype.bitwidth if value.dtype is not None else 32
    numbers = layout.rows * layout.columns
    if value.is_graph_output():
        return "its weight is an output of the model"
    if numbers * (width - scheme.dtype.bits) // 8 <= _OVERHEAD + 4 * layout.rows:
        return "its weight is too small to save anything"
    return None


def _computed(value: ir.Value, layout: Layout, scheme: Scheme, opset: int) -> str | None:
    """Say why nodes would have to compute a weight when the model is loaded, if they would."""
    shared = isinstance(scheme.granularity, PerTensor)
    blocked = isinstance(scheme.granularity, PerBlock) and scheme.granularity.size < layout.columns
    first = scheme.first_opset if blocked else scheme.dtype.opset
    if not scheme.dtype.container:
        return f"ONNX has no type for {scheme.dtype.name}"
    if opset < first:
        return f"DequantizeLinear takes such a weight from opset {first} on"
    if value.dtype is not ir.DataType.FLOAT:
        return "its weight is not float32"
    if not (layout.is_plain and shared) and not layout.stays_whole(blocked=blocked):
        return "its weight has a layout that DequantizeLinear does not take"
    return None


def _tied(model: ir.Model, weights: list[WeightPlan], others: Container[str]) -> list[WeightPlan]:
    """Note which tables hold the same matrix as a product, though as a weight of its own.

    Such a table is stored as the product is, unless ``others`` name it.

    Exporters write a table that is tied to the output projection once more, transposed.
    """
    products: dict[tuple[int, int], list[WeightPlan]] = {}
    for plan in weights:
        if plan.role is Role.PRODUCT:
            products.setdefault((plan.layout.rows, plan.layout.columns), []).append(plan)
    graphs = (model.graph, *model.graph.subgraphs())

    def rows_of(plan: WeightPlan) -> NDArray[np.generic]:
        array = constant(graphs[plan.graph].initializers[plan.weight])
        if array is None:
            raise ValueError(f"{plan.weight} is not a constant")
        return plan.layout.to_rows(array)

    found = []
    for plan in weights:
        tie = None
        if plan.role is Role.TABLE and plan.weight not in others:
            for product in products.get((plan.layout.rows, plan.layout.columns), ()):
                same = product.graph == plan.graph
                if same and np.array_equal(rows_of(plan), rows_of(product)):
                    tie = product.weight
                    plan = replace(plan, scheme=product.scheme)
                    break
        found.append(replace(plan, tied_to=tie))
    return found
