"""Put the branch that is taken in the place of an If whose condition is known."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.edit import Editor
from qconv.graph.operators.table import operator_of
from qconv.graph.prepare.constants import fold_constants
from qconv.graph.prepare.names import fix_names
from qconv.graph.prepare.unused import detach
from qconv.graph.shapes import infer_shapes, is_contradictory
from qconv.graph.view import all_nodes, constant, name_of

_MOST_TRIALS = 64
_MOST_NODES = 100_000
"""Branches that are tried out, and nodes looked at for that; each try copies the graph."""


def settle(model: ir.Model) -> None:
    """Compute what depends on constants alone, and inline If nodes that always go the same way.

    A condition is known if it is a constant, or if what follows could not go on with the result
    of one of the branches: exporters write ``x.squeeze(1)`` as a choice between Squeeze and
    Identity, although the rank of the latter's result fits nothing behind it.
    """
    _settle_constants(model)
    size = sum(1 for _ in all_nodes(model))
    trials = min(_MOST_TRIALS, _MOST_NODES // max(size, 1))
    while (found := _next_impossible(model, trials)) is not None:
        node, taken, used = found
        trials -= used
        _inline(model, node, taken=taken)
        infer_shapes(model)
        _settle_constants(model)


def _settle_constants(model: ir.Model) -> None:
    fold_constants(model)
    while (node := next(filter(_is_decided, all_nodes(model)), None)) is not None:
        while node is not None:
            condition = constant(node.inputs[0])
            _inline(model, node, taken=condition is not None and bool(condition.reshape(-1)[0]))
            node = next(filter(_is_decided, all_nodes(model)), None)
        infer_shapes(model)
        fold_constants(model)


def _is_decided(node: ir.Node) -> bool:
    condition = constant(node.inputs[0]) if operator_of(node).chooses else None
    return condition is not None and condition.size == 1


def _next_impossible(model: ir.Model, trials: int) -> tuple[ir.Node, bool, int] | None:
    """Return the first If of which one branch is impossible, the other one, and the trials used.

    Of nested ones the outer come first: what they give decides the inner ones.
    """
    used = 0
    for node in (each for each in all_nodes(model) if operator_of(each).chooses):
        if _branch(node, taken=True).inputs or used + 2 > trials:
            continue
        used += 2
        possible = [not _is_impossible(model, node, taken=taken) for taken in (False, True)]
        if sum(possible) == 1:
            return node, possible[1], used
    return None


def _is_impossible(model: ir.Model, node: ir.Node, *, taken: bool) -> bool:
    """Whether shape inference finds a contradiction in the model with one branch inlined."""
    trial = model.clone()
    twin = next(other for other in all_nodes(trial) if other.name == node.name)
    _inline(trial, twin, taken=taken)
    infer_shapes(trial)
    _settle_constants(trial)
    return is_contradictory(trial)


def _branch(node: ir.Node, *, taken: bool) -> ir.Graph:
    return node.attributes["then_branch" if taken else "else_branch"].as_graph()


def _inline(model: ir.Model, node: ir.Node, *, taken: bool) -> None:
    """Move the nodes and initializers of a branch to where the If is."""
    graph, body = node.graph, _branch(node, taken=taken)
    if not isinstance(graph, ir.Graph):
        raise ValueError(f"{node.name} is in no graph")
    results = list(body.outputs)
    body.outputs.clear()
    weights = list(body.initializers.values())
    body.initializers.clear()
    for value in weights:
        graph.register_initializer(value)
    nodes = list(body)
    body.remove(nodes)
    graph.insert_before(node, nodes)
    editor = Editor(model.graph)
    for output, result in zip(node.outputs, results, strict=True):
        if output.is_graph_output():
            result = _named_like(output, result, node, graph, editor)
        output.replace_all_uses_with(result, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    detach(_branch(node, taken=not taken))
    fix_names(model)


def _named_like(
    output: ir.Value, result: ir.Value, node: ir.Node, graph: ir.Graph, editor: Editor
) -> ir.Value:
    """Return the result under the name of an output of the graph."""
    name = name_of(output)
    copy = editor.node("Identity", [result], f"{name}/taken", dtype=output.dtype)
    graph.insert_before(node, copy)
    value = copy.outputs[0]
    value.type, value.shape = output.type, output.shape
    output.name, value.name = value.name, name
    return value
