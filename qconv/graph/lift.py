"""Bring values out of the branches of If nodes, as outputs of the main graph."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor
from qconv.graph.operators.table import operator_of
from qconv.graph.view import all_nodes, bodies, name_of


class Lifter:
    """Gives values of branches as outputs of the If nodes around them, in place.

    In the other branch, and so where the value is not computed, there are no elements: ``[0]``.

    Args:
        model: the model; outputs are added to its If nodes.
        editor: names what is added.
    """

    def __init__(self, model: ir.Model, editor: Editor) -> None:
        self._main = model.graph
        self._editor = editor
        self._owners = {body: node for node in all_nodes(model) for body in bodies(node)}

    def lift(self, value: ir.Value) -> ir.Value:
        """Return a float32 value of the main graph that carries the given one, and takes its name.

        Raises:
            ValueError: the value is in the body of a Loop or Scan.
        """
        name = name_of(value)
        carried = value
        while carried.graph is not self._main:
            carried = self._out_of(carried)
        if carried is not value:
            value.name, carried.name = self._editor.unique(f"{name}/inside"), name
        return carried

    def _out_of(self, value: ir.Value) -> ir.Value:
        body = value.graph
        owner = self._owners.get(body) if isinstance(body, ir.Graph) else None
        if not isinstance(body, ir.Graph) or owner is None or not operator_of(owner).chooses:
            raise ValueError(f"{value.name} is in no branch of an If")
        name = f"{name_of(value)}/lifted"
        for branch in bodies(owner):
            editor = self._editor.within(branch)
            if branch is body:
                source = value
            else:
                source = editor.initializer(f"{name}/none", np.zeros(0, np.float32))
            copy = editor.node("Identity", [source], name, dtype=ir.DataType.FLOAT)
            branch.append(copy)
            branch.outputs.append(copy.outputs[0])
        owner.resize_outputs(len(owner.outputs) + 1)
        output = owner.outputs[-1]
        output.name = self._editor.unique(name)
        output.type = ir.TensorType(ir.DataType.FLOAT)
        return output
