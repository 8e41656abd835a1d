"""A model of what the readers of values make of single numbers: gates and other activations.

Behind a value follow operators that work number by number, such as ``x Sigmoid(x)`` or
``x Clip(x + 3, 0, 6) / 6``. Together they are a function of one number, up to where something else
reads their result: a layer, a pool, an output of the model.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor
from qconv.graph.operators.facts import Movement
from qconv.graph.operators.table import operator_of
from qconv.graph.view import constant, is_constant, name_of

_MOST_NODES = 64
_FLOATS = ir.TensorType(ir.DataType.FLOAT)


@dataclass(frozen=True)
class ResponseModel:
    """A model that computes responses.

    Attributes:
        model: it has an input ``float32 [B]`` for each value, and outputs of as many elements.
        inputs: what the input of each value is called.
        outputs: what the outputs of each value are called: one for each of its responses.
    """

    model: ir.Model
    inputs: Mapping[str, str]
    outputs: Mapping[str, tuple[str, ...]]


def response_model(model: ir.Model, names: Iterable[str]) -> ResponseModel | None:
    """Return a model of the responses to values of the main graph, or None if it would be empty.

    Values that all readers take as they are have no part in it. Where only some of them do, the
    value itself is one of its responses.
    """
    places = {node: place for place, node in enumerate(model.graph)}
    values = ir.convenience.create_value_mapping(model.graph)
    graph = ir.Graph([], [], nodes=[], opset_imports=model.graph.opset_imports, name="responses")
    editor = Editor(graph)
    inputs, outputs = {}, {}
    for name in names:
        walk = _Walk(values[name], places, editor)
        if walk.nodes and set(walk.ends) != {walk.source}:
            graph.inputs.append(walk.source)
            graph.extend(walk.nodes)
            ends = [walk.given(end) for end in walk.ends]
            graph.outputs.extend(ends)
            inputs[name], outputs[name] = name_of(walk.source), tuple(map(name_of, ends))
    if not inputs:
        return None
    return ResponseModel(ir.Model(graph, ir_version=model.ir_version), inputs, outputs)


@dataclass(frozen=True)
class _Derived:
    """A function of single numbers of the value that a walk starts from.

    ``order`` is the value in whose order its elements lie: only in one order do they belong
    together.
    """

    result: ir.Value
    order: ir.Value


class _Walk:
    """Copies of the operators behind a value, up to where they end.

    Attributes:
        source: what the first of them read.
        nodes: the copies, in order.
        ends: the results that something else reads.
    """

    def __init__(self, value: ir.Value, places: Mapping[ir.Node, int], editor: Editor) -> None:
        name = editor.unique(name_of(value))
        self.source = ir.Value(name=name, type=_FLOATS, shape=ir.Shape([None]))
        self.nodes: list[ir.Node] = []
        self.ends: dict[ir.Value, None] = {}
        self._places = places
        self._editor = editor
        self._derived: dict[ir.Value | None, _Derived] = {}
        self._queue: list[tuple[int, ir.Node]] = []
        self._met: set[ir.Node] = set()
        self._add(value, _Derived(self.source, value))
        while self._queue:
            _, node = heapq.heappop(self._queue)
            if not (self._compute(node) or self._move(node)):
                read = [self._derived[each] for each in node.inputs if each in self._derived]
                self.ends |= {each.result: None for each in read}

    def given(self, end: ir.Value) -> ir.Value:
        """Return what gives an end as an output: an input cannot be one itself."""
        if end is not self.source:
            return end
        copy = self._editor.node("Identity", [end], name_of(end), dtype=ir.DataType.FLOAT)
        self._editor.graph.append(copy)
        return copy.outputs[0]

    def _add(self, value: ir.Value, derived: _Derived) -> None:
        self._derived[value] = derived
        if value.is_graph_output():
            self.ends[derived.result] = None
        for use in value.uses():
            if use.node not in self._places:
                self.ends[derived.result] = None
            elif use.node not in self._met:
                self._met.add(use.node)
                heapq.heappush(self._queue, (self._places[use.node], use.node))

    def _compute(self, node: ir.Node) -> bool:
        """Copy an operator that works number by number on what is derived, and on one number."""
        if not operator_of(node).by_number or len(self.nodes) == _MOST_NODES:
            return False
        read = [self._derived[each] for each in node.inputs if each in self._derived]
        others = [each for each in node.inputs if each is not None and each not in self._derived]
        if len({each.order for each in read}) != 1 or not all(map(_is_number, others)):
            return False
        inputs = [self._input(each) for each in node.inputs]
        output = self._editor.unique(name_of(node.outputs[0]))
        result = ir.Value(name=output, type=_FLOATS)
        name = self._editor.unique(f"{output}/{node.op_type}")
        attributes = list(node.attributes.values())
        copy = ir.Node(
            *(node.domain, node.op_type, inputs, attributes),
            outputs=[result],
            name=name,
        )
        self.nodes.append(copy)
        self._add(node.outputs[0], _Derived(result, read[0].order))
        return True

    def _move(self, node: ir.Node) -> bool:
        """Follow what is derived through an operator that hands elements on in another order."""
        moves = operator_of(node).moves
        if moves is None:
            return False
        taken = node.inputs if moves in (Movement.JOIN, Movement.CHOICE) else node.inputs[:1]
        read = [self._derived[each] for each in node.inputs if each in self._derived]
        found = [self._derived[each] for each in taken if each in self._derived]
        if len(found) < len(read) or len({each.result for each in found}) != 1:
            return False
        for output in node.outputs:
            if output.dtype is ir.DataType.FLOAT:
                self._add(output, _Derived(found[0].result, output))
        return True

    def _input(self, value: ir.Value | None) -> ir.Value | None:
        if value in self._derived:
            return self._derived[value].result
        array = constant(value)
        if value is None or array is None:
            return None
        return self._editor.initializer(name_of(value), np.asarray(array))


def _is_number(value: ir.Value) -> bool:
    if not is_constant(value):
        return False
    array = constant(value)
    return array is not None and array.size == 1
