"""The picture of a variant's graph: what computes in integers, what in float, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import onnx_ir as ir

from qconv.evaluation.coverage import computing, is_in_integers
from qconv.evaluation.folding import MIXED, NEUTRAL, Parts, fold
from qconv.graph.operators.facts import Family, Sizes
from qconv.graph.operators.table import operator_of
from qconv.graph.view import bodies
from qconv.reporting.picture_data import MOST_ISLANDS, Island, Kind, Picture

_MOST_REASONS, _MOST_TYPES = 5, 3


def graph_picture(model: ir.Model, reasons: Mapping[str, str]) -> Picture:
    """Return the main graph, folded; an If, Loop or Scan counts as one operator.

    What rounds and restores is left out, as are constants and what computes sizes alone.

    Args:
        model: a model file as it was read, with all nodes named.
        reasons: the operators that compute in float, by name, and why.
    """
    working = {id(node) for node in computing(model)}
    drawn: list[ir.Node] = []
    gives: dict[int, frozenset[int]] = {}
    sources: list[frozenset[int]] = []
    for node in model.graph:
        read = frozenset(each for given in _given(node, model.graph, gives) for each in given)
        reached = bool(read) or _reads_input(node)
        if not reached or _looks_at_size(node):
            continue
        if _rounds(node):
            gives[id(node)] = read or frozenset({_INPUT})
            continue
        sources.append(read - {_INPUT})
        gives[id(node)] = frozenset({len(drawn)})
        drawn.append(node)
    kinds = [_kind(node, working, reasons) for node in drawn]
    parts = fold(kinds, sources, MOST_ISLANDS)
    return Picture(
        tuple(_island(parts, number, drawn, reasons) for number in range(len(parts))),
        tuple(parts.edges),
    )


_INPUT = -1
"""Stands for an input of the model, behind what rounds it."""


def _given(
    node: ir.Node, graph: ir.Graph, gives: Mapping[int, frozenset[int]]
) -> Iterator[frozenset[int]]:
    """Yield what the operators give that a node reads, in its bodies, too."""
    for value in _values(node):
        producer = value.producer()
        if producer is not None and producer.graph is graph and id(producer) in gives:
            yield gives[id(producer)]


def _values(node: ir.Node) -> Iterator[ir.Value]:
    """Yield all that a node reads, with what its bodies read."""
    yield from (value for value in node.inputs if value is not None)
    for body in bodies(node):
        yield from body.outputs
        for inner in ir.traversal.RecursiveGraphIterator(body):
            yield from (value for value in inner.inputs if value is not None)


def _reads_input(node: ir.Node) -> bool:
    """Whether a node reads an input of the model, or has bodies, which may read what they like."""
    inputs = any(value.is_graph_input() and value.const_value is None for value in node.inputs
                 if value is not None)  # fmt: skip
    return inputs or any(True for _ in bodies(node))


def _looks_at_size(node: ir.Node) -> bool:
    """Whether a node asks for the size of a value, which no number flows through."""
    operator = operator_of(node)
    return operator.sizes is Sizes.SOURCE and operator.extent is None


def _rounds(node: ir.Node) -> bool:
    return operator_of(node).family in (Family.QUANTIZE, Family.QUANTIZE_SEEN, Family.RESTORE)


def _kind(node: ir.Node, working: set[int], reasons: Mapping[str, str]) -> str:
    if id(node) in working:
        integer = is_in_integers(node) and str(node.name) not in reasons
        return "integer" if integer else "float"
    kinds = {
        _kind(inner, working, reasons)
        for body in bodies(node)
        for inner in body
        if not _rounds(inner)
    } - {NEUTRAL}
    if not kinds:
        return NEUTRAL
    return kinds.pop() if len(kinds) == 1 else MIXED


def _island(
    parts: Parts, number: int, drawn: Sequence[ir.Node], reasons: Mapping[str, str]
) -> Island:
    nodes = [drawn[member] for member in parts.members[number]]
    counts = dict(Counter(node.op_type for node in nodes).most_common())
    label = str(nodes[0].name) if len(nodes) == 1 else _counted(counts)
    return Island(label, cast(Kind, parts.kinds[number]), counts, _why(nodes, reasons))


def _counted(counts: Mapping[str, int]) -> str:
    told = [f"{count} {op}" for op, count in list(counts.items())[:_MOST_TYPES]]
    more = sum(list(counts.values())[_MOST_TYPES:])
    return ", ".join([*told, *([f"{more} more"] if more else [])])


def _why(nodes: Sequence[ir.Node], reasons: Mapping[str, str]) -> str:
    """Return the reasons, the most frequent first, with how many operators of which type."""
    inside = [node for outer in nodes for node in (outer, *_inner(outer))]
    found = Counter(
        (node.op_type, reasons[str(node.name)]) for node in inside if str(node.name) in reasons
    )
    told = [f"{count} {op}: {reason}" for (op, reason), count in found.most_common(_MOST_REASONS)]
    if len(found) > _MOST_REASONS:
        told.append(f"{len(found) - _MOST_REASONS} more reasons")
    return "; ".join(told)


def _inner(node: ir.Node) -> Iterator[ir.Node]:
    for body in bodies(node):
        yield from ir.traversal.RecursiveGraphIterator(body)
