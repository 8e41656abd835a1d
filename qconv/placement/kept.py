"""Which operators stay in float because the user wants it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import onnx_ir as ir

from qconv.errors import UsageError
from qconv.graph.view import all_nodes
from qconv.placement.plan import Plan
from qconv.placement.requirements import INT8_TABLES
from qconv.placement.stored_tables import place_tables
from qconv.placement.targets.table import Target


def float_layers(plan: Plan, patterns: Sequence[str]) -> frozenset[str]:
    """Return the quantized operators in whose name or type one of the patterns is found."""
    return frozenset(name for pattern in patterns for name in _found(plan, pattern))


def check_float_layers(
    model: ir.Model, plan: Plan, placed: Plan, patterns: Sequence[str]
) -> tuple[str, ...]:
    """Return remarks on operators that run in integers although a pattern is found in them.

    These are Relu and Clip, which a range takes in behind an operator that runs in integers.

    Args:
        model: a prepared model.
        plan: its Plan with nothing kept in float.
        placed: that with these patterns.
        patterns: regular expressions.

    Raises:
        UsageError: a pattern is found in no quantized operator, or in such ones alone.
    """
    kept = float_layers(plan, patterns)
    owners = _owners(model, {name for name in kept if placed.nodes[name].quantized})
    for pattern in patterns:
        found = _found(plan, pattern)
        if not found:
            raise UsageError(
                f"'{pattern}' matches no name or type of a quantized operator",
                hint=_hint(model, plan.target, pattern),
            )
        if found <= owners.keys():
            name = min(found)
            raise UsageError(
                f"'{pattern}' matches only operators that are fused with the one before them: "
                f"{_shown(name, owners)}",
                hint=f"keep that one in float: `float_layers=^{re.escape(owners[name])}$`",
            )
    if not owners:
        return ()
    count = "1 operator is" if len(owners) == 1 else f"{len(owners)} operators are"
    shown = _shown(min(owners), owners)
    return (f"{count} not kept in float, because of fusion with the operator before: {shown}",)


def require_kept(model: ir.Model, placed: Plan, kept: Collection[str]) -> None:
    """Refuse to keep operators in float that are one with those before them.

    Raises:
        UsageError: a Relu or Clip of ``kept`` runs in integers all the same.
    """
    stuck = {name for name in kept if name in placed.nodes and placed.nodes[name].quantized}
    for name, owner in sorted(_owners(model, stuck).items()):
        raise UsageError(f"'{name}' is fused with '{owner}': keep that one in float")


def _found(plan: Plan, pattern: str) -> set[str]:
    matches = re.compile(pattern).search
    return {n.node for n in plan.quantized if matches(n.node) or matches(n.op_type)}


def _owners(model: ir.Model, clamps: Collection[str]) -> dict[str, str]:
    """Return the operator before each of these, by name."""
    owners = {}
    for node in all_nodes(model):
        value = node.inputs[0] if str(node.name) in clamps else None
        before = None if value is None else value.producer()
        if before is not None:
            owners[str(node.name)] = str(before.name)
    return owners


def _shown(name: str, owners: Mapping[str, str]) -> str:
    return f"'{name}' with '{owners[name]}'"


def _hint(model: ir.Model, target: Target, pattern: str) -> str:
    matches = re.compile(pattern).search
    tables = place_tables(model, target, INT8_TABLES).nodes.values()
    if any(node.quantized and (matches(node.node) or matches(node.op_type)) for node in tables):
        return "`embeddings=float` keeps tables in float"
    return "qconv inspect --json lists them; upper and lower case differ"
