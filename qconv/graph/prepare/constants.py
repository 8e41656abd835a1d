"""Compute at conversion time whatever depends on constants alone."""

from __future__ import annotations

import warnings

import numpy as np
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from qconv.graph.edit import Editor
from qconv.graph.operators.table import operator_of
from qconv.graph.result_sizes import expected_results
from qconv.graph.view import (
    all_nodes,
    constant,
    is_constant,
    is_standard,
    name_of,
    static_shape,
)

_MAX_GROWTH_BYTES = 1 << 20
_MAX_TOTAL_GROWTH = 1 << 28


def fold_constants(model: ir.Model) -> None:
    """Replace nodes whose inputs are all constants by their results, also in bodies.

    A node whose result would be more than 1 MiB larger than its inputs is left alone, and so is
    one that the reference implementation of ONNX cannot compute. All results together may be
    256 MiB larger than the weights.
    """
    editor = Editor(model.graph)
    opsets = model.graph.opset_imports
    weights = (value.const_value for value in model.graph.initializers.values())
    room = _MAX_TOTAL_GROWTH + sum(tensor.nbytes for tensor in weights if tensor is not None)
    for node in list(all_nodes(model)):
        results = _known_sizes(node) or _evaluate(node, opsets)
        if results is None or not isinstance(node.graph, ir.Graph):
            continue
        room -= sum(result.nbytes for result in results)
        if room < 0:
            return
        within = editor.within(node.graph)
        for output, array in zip(node.outputs, results, strict=False):
            if not output.name:
                continue
            value = within.initializer(f"{name_of(output)}/folded", array)
            output.replace_all_uses_with(value)
        node.graph.remove(node, safe=True)


def _known_sizes(node: ir.Node) -> list[np.ndarray] | None:
    """Compute Shape, and Gather, Slice or Size behind one, of what is known of the axes."""
    if not is_standard(node) or node.outputs[0].is_graph_output():
        return None
    if node.op_type == "Shape":
        sizes = _sizes(node)
    elif node.op_type == "Size":
        value = node.inputs[0]
        sizes = None if value is None else static_shape(value)
        if sizes is None or None in sizes:
            return None
        return [np.array(np.prod([size for size in sizes if size is not None]), np.int64)]
    else:
        return _chosen_sizes(node)
    if sizes is None or None in sizes:
        return None
    return [np.array(sizes, np.int64)]


def _sizes(shape: ir.Node) -> tuple[int | None, ...] | None:
    sizes = static_shape(shape.inputs[0])
    if sizes is None:
        return None
    start = shape.attributes.get_int("start", 0)
    return sizes[start : shape.attributes.get_int("end", len(sizes))]


def _chosen_sizes(node: ir.Node) -> list[np.ndarray] | None:
    """Compute a Gather or Slice of a Shape if the sizes that it chooses are fixed."""
    if node.op_type not in ("Gather", "Slice") or node.inputs[0] is None:
        return None
    shape = node.inputs[0].producer()
    if shape is None or shape.op_type != "Shape" or not is_standard(shape):
        return None
    sizes = _sizes(shape)
    chosen = [constant(value) for value in node.inputs[1:]]
    whole = [array for array in chosen if array is not None and array.dtype.kind in "iu"]
    if not sizes or len(whole) < len(chosen) or not all(array.size for array in whole):
        return None
    places = np.arange(len(sizes))
    if node.op_type == "Gather":
        indices = places.take(whole[0].astype(np.int64), mode="wrap")
    else:
        start, end = (int(array.reshape(-1)[0]) for array in whole[:2])
        step = int(whole[3].reshape(-1)[0]) if len(whole) > 3 else 1
        indices = places[start:end:step]
    known = [sizes[index] for index in indices.reshape(-1)]
    if None in known:
        return None
    return [np.array(known, np.int64).reshape(indices.shape)]


def _evaluate(node: ir.Node, opsets: dict[str, int]) -> list[np.ndarray] | None:
    if (
        not is_standard(node)
        or operator_of(node).random
        or any(output.is_graph_output() for output in node.outputs)
        or any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values())
        or not all(value is None or is_constant(value) for value in node.inputs)
    ):
        return None
    inputs = {name_of(value): constant(value) for value in node.inputs if value is not None}
    arrays = {name: array for name, array in inputs.items() if array is not None}
    most = sum(array.nbytes for array in arrays.values()) + _MAX_GROWTH_BYTES
    expected = expected_results(node, arrays, opsets)
    if expected is None or sum(result.nbytes for result in expected) > most:
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            evaluator = ReferenceEvaluator(ir.to_proto(node), opsets=opsets)
            found = evaluator.run(None, arrays)
    except MemoryError:
        raise
    except Exception:  # an operator that the reference cannot compute stays in the graph
        return None
    if not all(isinstance(result, np.ndarray | np.generic) for result in found):
        return None  # a sequence or an optional value
    results = [np.asarray(result) for result in found]
    return None if sum(result.nbytes for result in results) > most else results
