"""Types and shapes of inner values."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from qconv.graph.operators.facts import Extent, Like
from qconv.graph.operators.table import operator_of
from qconv.graph.quiet import quiet_ir
from qconv.graph.result_sizes import Arrays, expected_results
from qconv.graph.view import all_nodes, bodies, name_of, static_shape

_SMALL = 1024
_LONG = 65_536
_MOST_DIMENSIONS = 4_000_000
"""Elements of a vector from which on it is long, and of all long ones from which on it matters."""


def infer_shapes(model: ir.Model) -> None:
    """Infer what can be inferred; values of unknown shape are placed with care later on."""
    inference = common.ShapeInferencePass(
        check_type=False, strict_mode=False, data_prop=not _has_long_vectors(model)
    )
    with quiet_ir():
        inference(model)
        while _type_known(model):
            inference(model)
        _wrap_sequences(model)


def shapes_for(
    model: ir.Model, feed_shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of the values of the main graph for a feed, as far as they are known."""
    sized = model.clone()
    for value in sized.graph.inputs:
        if name_of(value) in feed_shapes:
            value.shape = ir.Shape(feed_shapes[name_of(value)])
    infer_shapes(sized)
    values = ir.convenience.create_value_mapping(sized.graph)
    found = ((name, static_shape(value)) for name, value in values.items())
    return {name: shape for name, shape in found if shape is not None}


def _has_long_vectors(model: ir.Model) -> bool:
    """Whether vectors are so long that they are no shapes of tensors.

    To propagate data means to make a dimension of each element: 144 bytes, and about 1 us.
    """
    values = [
        *(value for graph in model.graphs() for value in graph.inputs),
        *(value for graph in model.graphs() for value in graph.initializers.values()),
        *(output for node in all_nodes(model) for output in node.outputs),
    ]
    shapes = [value.shape.dims for value in values if value.shape is not None]
    for node in all_nodes(model):
        if operator_of(node).extent in (Extent.TOLD, Extent.COUNTED):
            arrays = _small_inputs(node)
            found = arrays and expected_results(node, arrays, model.graph.opset_imports)
            shapes += [result.shape for result in found or ()]
    lengths = (shape[0] for shape in shapes if len(shape) == 1)
    long = (length for length in lengths if isinstance(length, int) and length > _LONG)
    return sum(long) > _MOST_DIMENSIONS


def _small_inputs(node: ir.Node) -> Arrays | None:
    """Return the inputs of a node by name, or None where one is large or no constant."""
    arrays = {}
    for value in node.inputs:
        if value is None:
            continue
        try:
            tensor = ir.convenience.get_const_tensor(value)
        except ValueError:  # it comes from a Constant without a value
            return None
        if tensor is None or tensor.size > _SMALL:
            return None
        arrays[str(value.name)] = tensor.numpy()
    return arrays


def is_contradictory(model: ir.Model) -> bool:
    """Whether shape inference proves that a model cannot run: ranks or sizes that do not fit.

    Its large weights become inputs, so hand in a copy.
    """
    for graph in model.graphs():
        for name, value in list(graph.initializers.items()):
            if value.const_value is not None and value.const_value.nbytes > _SMALL:
                graph.initializers.pop(name)
                value.const_value = None
                model.graph.inputs.append(value)
    propagated = not _has_long_vectors(model)
    try:
        onnx.shape_inference.infer_shapes(
            ir.to_proto(model), strict_mode=True, data_prop=propagated
        )
    except onnx.shape_inference.InferenceError:
        return True
    return False


def _wrap_sequences(model: ir.Model) -> None:
    """Give sequences and optional values their type: onnx-ir takes over that of the elements."""
    for node in all_nodes(model):
        wrapper = operator_of(node).wraps
        if wrapper is None:
            continue
        for output in node.outputs:
            if isinstance(output.type, ir.TensorType):
                output.type = wrapper(copy.deepcopy(output.type))
                output.shape = None
    for node in reversed(list(all_nodes(model))):
        _type_results(node)


def _type_results(node: ir.Node) -> None:
    """Give what control flow hands out the type that its body gives, where that is no tensor."""
    control = operator_of(node).control
    if control is None:
        return
    results = next(bodies(node)).outputs[control.kept :]
    for output, result in zip(node.outputs, results, strict=False):
        if isinstance(result.type, ir.SequenceType | ir.OptionalType):
            output.type, output.shape = copy.deepcopy(result.type), None


def _type_known(model: ir.Model) -> bool:
    """Type the results of known operators that ONNX has no inference for; return if any was."""
    found = False
    for node in all_nodes(model):
        data, output = (*node.inputs, None)[0], node.outputs[0]
        if output.type is not None or data is None or data.type is None:
            continue
        like = operator_of(node).like
        if like is not None:
            shape = copy.deepcopy(data.shape) if like is Like.DATA else _query_shape(node, data)
            output.type, output.shape = copy.deepcopy(data.type), shape
            found = True
    return found


def _query_shape(node: ir.Node, query: ir.Value) -> ir.Shape | None:
    """Return ``[batch, length, heads * size]``; without a key the query holds all three."""
    if query.shape is None or len(query.shape) != 3:
        return None
    batch, length, width = query.shape
    if any(value is not None for value in node.inputs[1:2]):
        return ir.Shape((batch, length, width))
    heads = node.attributes.get_int("num_heads", 0)
    parts = heads + 2 * node.attributes.get_int("kv_num_heads", 0)
    known = isinstance(width, int) and parts > 0
    return ir.Shape((batch, length, width * heads // parts if known else None))
