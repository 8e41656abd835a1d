"""Change the floating-point type of a whole graph, subgraphs included, with few Casts.

Each node either computes in the new type or keeps the old one; a value has the type that its
producer gives. Where a reader wants the other type, one Cast behind the producer serves all
such readers; weights are converted instead, once for each type that is wanted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor, bypass, insert_after, may_bypass, release
from qconv.graph.operators.table import casts, operator_of
from qconv.graph.slots import slots_for, takes_any
from qconv.graph.view import bodies, name_of

Convert = Callable[[NDArray[np.generic]], NDArray[np.generic]]

_DTYPE_ATTRIBUTES = ("dtype", "output_dtype", "to")


def retype(
    model: ir.Model,
    source: ir.DataType,
    target: ir.DataType,
    *,
    keep: Collection[str],
    keep_ports: bool,
    convert: Convert,
) -> int:
    """Change ``source`` to ``target`` in place; return the number of Casts added.

    Args:
        model: a normalized model: named nodes, no Constant nodes, no functions, shapes inferred.
        source: the type to replace.
        target: the type to replace it by.
        keep: names of nodes that go on in ``source``.
        keep_ports: whether the model's inputs and outputs keep their type.
        convert: turns an array of ``source`` into one of ``target``.
    """
    return _Retyper(model, source, target, keep, keep_ports=keep_ports, convert=convert).run()


class _Retyper:
    def __init__(
        self,
        model: ir.Model,
        source: ir.DataType,
        target: ir.DataType,
        keep: Collection[str],
        *,
        keep_ports: bool,
        convert: Convert,
    ) -> None:
        self.model = model
        self.source = source
        self.target = target
        self.keep = keep
        self.keep_ports = keep_ports
        self.convert = convert
        self.opset = model.graph.opset_imports.get("", 1)
        self.editors: dict[ir.Graph, Editor] = {}
        self.converted: set[ir.Value] = set()
        self.counterparts: dict[ir.Value, ir.Value] = {}
        self.casts = 0

    def run(self) -> int:
        graphs = [self.model.graph, *self.model.graph.subgraphs()]
        owners = {graph: node for node in _nodes(graphs) for graph in bodies(node)}
        nodes = list(_nodes(graphs))
        self._choose_types(nodes, owners)
        for node in nodes:
            self._set_attributes(node)
            for index, value in enumerate(node.inputs):
                if value is None or takes_any(node, index):
                    continue
                if self._has_source(value):
                    wanted = self._input_converts(node, index)
                    node.replace_input_with(index, self._as(value, wanted))
        for graph in graphs:
            self._set_outputs(graph, owners.get(graph))
        for value in self.converted:
            value.type = copy.deepcopy(value.type)  # a clone of the model shares it
            value.dtype = self.target
        return self.casts

    def _has_source(self, value: ir.Value) -> bool:
        """Whether the value may change its type; sequences only do when everything does."""
        whole = not self.keep and not self.keep_ports
        return value.dtype is self.source and (whole or isinstance(value.type, ir.TensorType))

    def _converts(self, node: ir.Node) -> bool:
        return str(node.name) not in self.keep

    def _input_converts(self, node: ir.Node, index: int) -> bool:
        return self._slot_converts(node, index, is_input=True)

    def _slot_converts(self, node: ir.Node, index: int, *, is_input: bool) -> bool:
        if not self._converts(node):
            return False
        if operator_of(node).control is not None:
            return True
        slots = slots_for(node, self.opset, self.target)
        if slots is None:
            return False
        return (slots.inputs if is_input else slots.outputs)[index]

    def _choose_types(self, nodes: Sequence[ir.Node], owners: dict[ir.Graph, ir.Node]) -> None:
        """Find every computed value that takes the new type."""
        for node in nodes:
            for index, output in enumerate(node.outputs):
                if self._has_source(output) and self._slot_converts(node, index, is_input=False):
                    self.converted.add(output)
        for graph, owner in owners.items():
            if self._converts(owner):
                self.converted.update(
                    value
                    for value in graph.inputs
                    if self._has_source(value) and not value.is_initializer()
                )
        if not self.keep_ports:
            self.converted.update(
                value for value in self.model.graph.inputs if self._has_source(value)
            )

    def _as(self, value: ir.Value, wanted: bool) -> ir.Value:
        """Return the value in the new type if ``wanted``, else in the old one."""
        if (value in self.converted) is wanted:
            return value
        if value not in self.counterparts:
            tensor = value.const_value
            if tensor is not None:
                self.counterparts[value] = self._converted_constant(value, tensor)
            else:
                self.counterparts[value] = self._cast(value)
        return self.counterparts[value]

    def _converted_constant(self, value: ir.Value, tensor: ir.TensorProtocol) -> ir.Value:
        graph = value.graph
        if graph is None:
            raise ValueError(f"{value.name} is in no graph")
        name = self._editor(graph).unique(f"{name_of(value)}/{self.target.name.lower()}")

        def evaluate() -> ir.TensorProtocol:
            result = ir.tensor(self.convert(tensor.numpy()), dtype=self.target, name=name)
            release(tensor)
            return result

        shape = ir.Shape(tensor.shape.numpy())
        lazy = ir.LazyTensor(evaluate, dtype=self.target, shape=shape, name=name)
        counterpart = ir.Value(
            name=name, const_value=lazy, shape=shape, type=ir.TensorType(self.target)
        )
        graph.register_initializer(counterpart)
        return counterpart

    def _cast(self, value: ir.Value) -> ir.Value:
        graph = value.graph
        if graph is None:
            raise ValueError(f"{value.name} is in no graph")
        dtype = self.source if value in self.converted else self.target
        cast = self._editor(graph).node(
            "Cast",
            [value],
            f"{name_of(value)}/{dtype.name.lower()}",
            dtype=dtype,
            shape=value.shape,
            to=int(dtype),
        )
        insert_after(value, graph, cast)
        self.casts += 1
        return cast.outputs[0]

    def _set_attributes(self, node: ir.Node) -> None:
        """Let a node that names its own output type name the new one."""
        if not any(output in self.converted for output in node.outputs):
            return
        for name in _DTYPE_ATTRIBUTES:
            attribute = node.attributes.get(name)
            if attribute is not None and attribute.value == int(self.source):
                node.attributes[name] = ir.AttrInt64(name, int(self.target))
        if node.op_type == "ConstantOfShape":
            fill = node.attributes.get("value")
            array = np.zeros(1, np.float32) if fill is None else fill.as_tensor().numpy()
            tensor = ir.tensor(self.convert(array), dtype=self.target)
            node.attributes["value"] = ir.AttrTensor("value", tensor)
        found = ir.convenience.get_const_tensor(node.outputs[0])
        if found is not None:
            node.attributes.clear()
            tensor = ir.tensor(self.convert(found.numpy()), dtype=self.target)
            node.attributes["value"] = ir.AttrTensor("value", tensor)

    def _set_outputs(self, graph: ir.Graph, owner: ir.Node | None) -> None:
        """Give each output of a graph the type that its readers outside expect."""
        wanted = not self.keep_ports if owner is None else self._converts(owner)
        for index, value in enumerate(graph.outputs):
            if not self._has_source(value) or (value in self.converted) is wanted:
                continue
            if value.graph is not graph or value.is_graph_input():
                self._cast_output(graph, index, value)
            else:
                self._rename_output(graph, index, value, self._as(value, wanted))

    def _rename_output(
        self, graph: ir.Graph, index: int, value: ir.Value, replacement: ir.Value
    ) -> None:
        """Let an output's counterpart take over its name."""
        name = name_of(value)
        value.name = self._editor(graph).unique(f"{name}/{self.target.name.lower()}")
        replacement.name = name
        graph.outputs[index] = replacement

    def _cast_output(self, graph: ir.Graph, index: int, value: ir.Value) -> None:
        """Cast what comes from outside right before it leaves the graph."""
        dtype = self.source if value in self.converted else self.target
        cast = self._editor(graph).node(
            "Cast",
            [value],
            f"{name_of(value)}/out",
            dtype=dtype,
            shape=value.shape,
            to=int(dtype),
        )
        graph.append(cast)
        graph.outputs[index] = cast.outputs[0]
        self.casts += 1

    def _editor(self, graph: ir.Graph) -> Editor:
        """All graphs share the names of the main graph, in which nothing may be shadowed."""
        if graph not in self.editors:
            main = self.editors.get(self.model.graph) or Editor(self.model.graph)
            self.editors[self.model.graph] = main
            self.editors[graph] = main
        return self.editors[graph]


def _nodes(graphs: Sequence[ir.Graph]) -> Iterator[ir.Node]:
    for graph in graphs:
        yield from graph


def remove_needless_casts(model: ir.Model) -> int:
    """Remove Casts to the type that their input has already; return how many."""
    removed = 0
    for node in list(_nodes([model.graph, *model.graph.subgraphs()])):
        value = node.inputs[0] if node.inputs else None
        if not casts(node) or value is None:
            continue
        same = value.dtype is not None and int(value.dtype) == node.attributes["to"].as_int()
        if same and may_bypass(node, value):
            bypass(node, value)
            removed += 1
    return removed
