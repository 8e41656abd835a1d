"""Compute at conversion time whatever depends on constants alone."""

from __future__ import annotations

import warnings

import numpy as np
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from qconv.graph.edit import Editor
from qconv.graph.view import constant, is_constant, is_standard, name_of, static_shape

_RANDOM = {
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
    "Dropout",
}
_MAX_GROWTH_BYTES = 1 << 20
_MAX_ELEMENTS = 1 << 28


def fold_constants(model: ir.Model) -> None:
    """Replace nodes of the main graph whose inputs are all constants by their results.

    A node whose result would be more than 1 MiB larger than its inputs is left alone, and so is
    one that the reference implementation of ONNX cannot compute.
    """
    graph = model.graph
    editor = Editor(graph)
    for node in list(graph):
        results = _static_shape_of(node) or _evaluate(node, graph.opset_imports)
        if results is None:
            continue
        for output, array in zip(node.outputs, results, strict=False):
            if not output.name:
                continue
            value = editor.initializer(f"{name_of(output)}/folded", array)
            output.replace_all_uses_with(value)
        graph.remove(node, safe=True)


def _static_shape_of(node: ir.Node) -> list[np.ndarray] | None:
    if node.op_type != "Shape" or not is_standard(node) or node.outputs[0].is_graph_output():
        return None
    shape = static_shape(node.inputs[0])
    if shape is None or None in shape:
        return None
    start = node.attributes.get_int("start", 0)
    end = node.attributes.get_int("end", len(shape))
    return [np.array(shape[start:end], np.int64)]


def _evaluate(node: ir.Node, opsets: dict[str, int]) -> list[np.ndarray] | None:
    if (
        not is_standard(node)
        or node.op_type in _RANDOM
        or any(output.is_graph_output() for output in node.outputs)
        or any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values())
        or not all(value is None or is_constant(value) for value in node.inputs)
        or _declared_elements(node) > _MAX_ELEMENTS
    ):
        return None
    arrays = {name_of(value): constant(value) for value in node.inputs if value is not None}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            evaluator = ReferenceEvaluator(ir.to_proto(node), opsets=opsets)
            results = [np.asarray(result) for result in evaluator.run(None, arrays)]
    except Exception:  # an operator that the reference cannot compute stays in the graph
        return None
    inputs_bytes = sum(array.nbytes for array in arrays.values() if array is not None)
    if sum(result.nbytes for result in results) > inputs_bytes + _MAX_GROWTH_BYTES:
        return None
    return results


def _declared_elements(node: ir.Node) -> int:
    shapes = (static_shape(output) for output in node.outputs)
    return max((int(np.prod([d or 1 for d in shape])) for shape in shapes if shape), default=0)
