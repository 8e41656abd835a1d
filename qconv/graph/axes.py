"""Shapes as they are meant: free axes that exporters write as numbers, and those of weights."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

UNNAMED = ("", "?")
"""Names of axes that say nothing."""


def free_axes(model: ir.Model) -> None:
    """Leave the length of free axes open, in place.

    A negative length is free wherever it stands, and so is the name ``?``, which does not say that
    two axes are of one length. A length of 0 may as well be the truth: it is free where the model
    declares one for an input that must be fed.
    """
    fed = [value for value in model.graph.inputs if value.const_value is None]
    zero = any(value.shape is not None and 0 in value.shape for value in fed)
    for value in _declared(model):
        shape = value.shape
        if shape is None or not any(_is_free(axis, zero=zero) for axis in shape):
            continue
        opened = shape.copy()
        for place, axis in enumerate(shape):
            if _is_free(axis, zero=zero):
                opened[place] = None
        value.shape = opened


def shape_weights(model: ir.Model) -> None:
    """Give each weight the type and shape of its tensor, whatever the file says beside it."""
    for graph in model.graphs():
        for value in graph.initializers.values():
            if (tensor := value.const_value) is not None:
                value.shape = ir.Shape(tensor.shape.numpy())
                value.type = ir.TensorType(tensor.dtype)


def _is_free(axis: int | ir.SymbolicDim, *, zero: bool) -> bool:
    if isinstance(axis, int):
        return axis < 0 or (zero and axis == 0)
    return axis.value in UNNAMED


def _declared(model: ir.Model) -> Iterator[ir.Value]:
    """Yield each value whose shape is what the file says, not what an initializer is."""
    for graph in (*model.graphs(), *(each.graph for each in model.functions.values())):
        yield from (value for value in graph.inputs if value.const_value is None)
        for node in graph:
            yield from node.outputs
