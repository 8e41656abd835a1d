"""A name for every node and value, the same one each time."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir
from onnx_ir.passes import common
from onnx_ir.passes.common.naming import SimpleNameGenerator

_LONG_DOMAIN = "ai.onnx"


class _NodesAfterOutputs(SimpleNameGenerator):
    """A nameless node is called after its operator and its first output."""

    def generate_node_name(self, node: ir.Node) -> str:
        return node.name or f"{node.op_type}:{node.outputs[0].name if node.outputs else ''}"


def fix_names(model: ir.Model) -> None:
    """Make all names present and unique, also across bodies that cannot see each other.

    Existing unique names stay as they are.
    """
    common.NameFixPass(name_generator=_NodesAfterOutputs())(model)
    values: set[str] = set()
    nodes: set[str] = set()
    for graph in (model.graph, *model.graph.subgraphs()):
        for value in _values(graph):
            value.name = _unused(str(value.name), values) if value.name else value.name
        for node in graph:
            node.name = _unused(str(node.name), nodes)


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    """The values that belong to a graph itself, each once."""
    own = [*graph.inputs, *graph.initializers.values()]
    own += [output for node in graph for output in node.outputs]
    yield from dict.fromkeys(own)


def _unused(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it if it is taken, and take it."""
    candidate, number = name, 1
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate)
    return candidate


def use_short_domain(model: ir.Model) -> None:
    """Call ONNX's own domain by its empty name, which ``ai.onnx`` is another word for."""
    for graph in (model.graph, *model.graph.subgraphs()):
        if _LONG_DOMAIN in graph.opset_imports:
            version = graph.opset_imports.pop(_LONG_DOMAIN)
            graph.opset_imports.setdefault("", version)
    for node in model.graph.all_nodes():
        if node.domain == _LONG_DOMAIN:
            node.domain = ""
