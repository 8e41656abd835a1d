"""Changes to a graph, each leaving it valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.view import all_nodes, name_of

_ORIGINS = "qconv.origins"


class Editor:
    """Adds named values, initializers and nodes to one graph, keeping names unique.

    The names in use are gathered once, so that n insertions cost O(n).
    """

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self._names = set(graph.initializers) | {value.name for value in graph.inputs if value.name}
        for node in graph.all_nodes():
            self._names.update(value.name for value in node.outputs if value.name)
            self._names.update(filter(None, [node.name]))
        for subgraph in graph.subgraphs():
            self._names.update(subgraph.initializers)
            self._names.update(value.name for value in subgraph.inputs if value.name)

    def within(self, graph: ir.Graph) -> Editor:
        """Return an editor of another graph of the model that shares the names in use."""
        other = Editor.__new__(Editor)
        other.graph, other._names = graph, self._names
        return other

    def unique(self, name: str) -> str:
        """Return ``name``, with a number behind it if the graph already uses it."""
        candidate, number = name, 1
        while candidate in self._names:
            candidate, number = f"{name}_{number}", number + 1
        self._names.add(candidate)
        return candidate

    def initializer(self, name: str, array: NDArray[np.generic]) -> ir.Value:
        """Add a constant."""
        name = self.unique(name)
        array = np.ascontiguousarray(array).reshape(array.shape)
        dtype, shape = ir.DataType.from_numpy(array.dtype), ir.Shape(array.shape)
        tensor = ir.Tensor(array, dtype=dtype, shape=shape, name=name)
        value = ir.Value(name=name, const_value=tensor, shape=shape, type=ir.TensorType(dtype))
        self.graph.register_initializer(value)
        return value

    def node(
        self,
        op_type: str,
        inputs: Iterable[ir.Value | None],
        output: str,
        *,
        dtype: ir.DataType | None = None,
        shape: ir.Shape | None = None,
        **attributes: int | float | str | Sequence[int],
    ) -> ir.Node:
        """Build a node with one named output; the caller inserts it."""
        name = self.unique(output)
        value = ir.Value(
            name=name,
            shape=shape,
            type=None if dtype is None else ir.TensorType(dtype),
        )
        return ir.node(
            op_type,
            list(inputs),
            attributes=attributes,
            outputs=[value],
            name=self.unique(f"{name}/{op_type}"),
        )


def nodes_to_edit(model: ir.Model) -> Iterator[tuple[ir.Node, Editor]]:
    """Yield each node of the main graph and of bodies, with an editor of its graph.

    Nodes that were removed meanwhile are left out, those that were added not visited.
    """
    editor = Editor(model.graph)
    for node in list(all_nodes(model)):
        if isinstance(node.graph, ir.Graph):
            yield node, editor.within(node.graph)


def insert_after(value: ir.Value, graph: ir.Graph, *nodes: ir.Node) -> None:
    """Insert nodes right behind the producer of ``value``, or at the start for an input."""
    producer = value.producer()
    if producer is not None:
        graph.insert_after(producer, nodes)
    elif len(graph):
        graph.insert_before(graph[0], nodes)
    else:
        graph.extend(nodes)


def insert_before_reader(readers: Iterable[ir.Node], graph: ir.Graph, *nodes: ir.Node) -> None:
    """Insert nodes that compute from constants right before the one node that reads their result.

    A runtime that computes in the order of the file then holds the result for one node only. Where
    several nodes read it, or one of another graph, the nodes go to the start of ``graph``.
    """
    distinct = set(readers)
    lone = next(iter(distinct)) if len(distinct) == 1 else None
    graph.insert_before(lone if lone is not None and lone.graph is graph else graph[0], nodes)


def supersede(node: ir.Node, *nodes: ir.Node) -> None:
    """Put nodes in the place of one with one output; the last takes over its names and readers."""
    graph = node.graph
    if graph is None:
        raise ValueError("the node is in no graph")
    graph.insert_before(node, nodes)
    nodes[-1].name, node.name = node.name, nodes[-1].name
    absorb(nodes[-1], node)
    old, new = node.outputs[0], nodes[-1].outputs[0]
    new.type, new.shape = old.type, old.shape
    old.name, new.name = new.name, old.name
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    graph.remove(node, safe=True)


def absorb(node: ir.Node, other: ir.Node) -> None:
    """Note that a node does the work of another, too: of one that it replaces or takes in."""
    node.metadata_props[_ORIGINS] = "\n".join((*_noted(node), *origins(other)))


def origins(node: ir.Node) -> tuple[str, ...]:
    """Return the names and operators that a node has, and had in the user's model."""
    return (str(node.name), node.op_type, *_noted(node))


def _noted(node: ir.Node) -> list[str]:
    return node.metadata_props.get(_ORIGINS, "").splitlines()


def bypass(node: ir.Node, replacement: ir.Value) -> None:
    """Remove a node with one output and let its readers read ``replacement``.

    A graph output keeps its name, and what was declared of it where nothing is known of the
    replacement, which takes them over.
    """
    output = node.outputs[0]
    graph = node.graph
    if graph is None:
        raise ValueError("the node is in no graph")
    if output.is_graph_output():
        name = name_of(output)
        output.name = f"{name}/bypassed"
        replacement.name = name
        if replacement.type is None:
            replacement.type = output.type
        if replacement.shape is None:
            replacement.shape = output.shape
    output.replace_all_uses_with(replacement, replace_graph_outputs=True)
    graph.remove(node, safe=True)


def may_bypass(node: ir.Node, replacement: ir.Value) -> bool:
    """Whether :func:`bypass` would keep every graph input and output intact."""
    if not node.outputs[0].is_graph_output():
        return True
    return not (
        replacement.is_graph_input()
        or replacement.is_initializer()
        or replacement.is_graph_output()
        or replacement.graph is not node.graph
    )


def rename_values(model: ir.Model, names: Iterable[str], suffix: str) -> None:
    """Add a suffix to the names of values that became other values."""
    values = ir.convenience.create_value_mapping(model.graph)
    editor = Editor(model.graph)
    for name in names:
        if name in values:
            values[name].name = editor.unique(f"{name}{suffix}")


def release(tensor: ir.TensorProtocol | None) -> None:
    """Unmap a weight that lives in a file; it is mapped again when it is next read.

    Each mapped tensor holds a file open and memory in use. No view of it may be alive.
    """
    if isinstance(tensor, ir.ExternalTensor):
        tensor.release()
