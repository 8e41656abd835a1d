"""Which embeddings are stored in few bits beside weights and activations that run in integers."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import onnx_ir as ir

from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import standard_operator
from qconv.numerics.schemes import Scheme
from qconv.placement.plan import Decisions, NodePlan
from qconv.placement.stored_weights import Role, WeightOnlyPlan, WeightPlan, place_weights
from qconv.placement.targets.table import Target

P = TypeVar("P", bound=Decisions)

_FEWEST_COLUMNS = 16
_SHORT = f"its table has rows of fewer than {_FEWEST_COLUMNS} numbers, so it is not an embedding"


def place_tables(model: ir.Model, target: Target, scheme: Scheme) -> WeightOnlyPlan:
    """Return the tables that only Gather reads, and for the others why they stay float.

    Rows of a few numbers hold coordinates, anchors or lengths rather than embeddings, and a
    step of 8 bits is too coarse for them.
    """
    plan = place_weights(model, target, dict.fromkeys(Role, scheme))
    tables = [weight for weight in plan.weights if weight.role is Role.TABLE]
    stored = [replace(table, tied_to=None) for table in tables if _is_embedding(table)]
    nodes = {name: node for name, node in plan.nodes.items() if _looks_up(node)}
    for table in tables:
        if not _is_embedding(table):
            for reader in table.readers:
                nodes[reader.node] = NodePlan(reader.node, reader.op_type, False, _SHORT)
    return WeightOnlyPlan(nodes, target, tuple(stored))


def with_tables(plan: P, tables: WeightOnlyPlan, dtype: str) -> P:
    """Return a plan that says of each Gather what becomes of its table."""
    stored = f"its table is stored in {dtype}, and its rows become float"
    nodes = {
        name: replace(plan.nodes[name], reason=stored if node.quantized else node.reason)
        for name, node in tables.nodes.items()
        if name in plan.nodes
    }
    return replace(plan, nodes={**plan.nodes, **nodes})


def _looks_up(node: NodePlan) -> bool:
    return standard_operator(node.op_type).family is Family.LOOKUP


def _is_embedding(table: WeightPlan) -> bool:
    return table.layout.columns >= _FEWEST_COLUMNS
