"""Remove what nothing reads."""

from __future__ import annotations

from collections.abc import Container

import onnx_ir as ir
from onnx_ir.passes import common

from qconv.graph.operators.table import STANDARD_DOMAINS
from qconv.graph.view import all_nodes, bodies, is_standard


def remove_unused(model: ir.Model) -> None:
    """Remove unread nodes, and unread initializers of the main graph and of its subgraphs."""
    holders = [node for node in all_nodes(model) if any(bodies(node))]
    common.RemoveUnusedNodesPass()(model)
    removed = [body for node in holders if node.graph is None for body in bodies(node)]
    if removed:
        for body in removed:
            detach(body)
        common.RemoveUnusedNodesPass()(model)
    for graph in model.graph.subgraphs():
        for name, value in list(graph.initializers.items()):
            if not value.uses() and not value.is_graph_output() and not value.is_graph_input():
                graph.initializers.pop(name)


def detach(body: ir.Graph) -> None:
    """Let go of the outer values that a body reads or gives, so that they forget it."""
    for graph in (body, *body.subgraphs()):
        graph.outputs.clear()
        for node in graph:
            for index in range(len(node.inputs)):
                node.replace_input_with(index, None)


def remove_notes(model: ir.Model) -> None:
    """Remove what exporters leave for debugging, and types that can be inferred.

    Stack traces and documentation of nodes can make up a fifth of a file. Types are kept where no
    standard says how to infer them: behind operators of other domains. Initializers bear their own.
    """
    for node in all_nodes(model):
        node.doc_string = None
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
            if is_standard(node) and not value.is_graph_output():
                _forget_type(value)
    for graph in (model.graph, *model.graph.subgraphs()):
        for value in graph.initializers.values():
            if not value.is_graph_input() and not value.is_graph_output():
                _forget_type(value)


def _forget_type(value: ir.Value) -> None:
    value.type = None
    value.shape = None


def remove_domains(model: ir.Model, known: Container[str] | None) -> None:
    """Drop what the model says of domains that a runtime does not know, where none is used.

    Args:
        model: the model, whose operators are all of known domains.
        known: the domains; None where all may be there.
    """
    if known is None:
        return
    for graph in (model.graph, *model.graph.subgraphs()):
        for domain in [
            name
            for name in graph.opset_imports
            if name not in known and name not in STANDARD_DOMAINS
        ]:
            del graph.opset_imports[domain]
