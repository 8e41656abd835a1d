"""Functions of a model, put where they are called."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from qconv.errors import ModelError, UnsupportedError
from qconv.graph.view import all_nodes, is_standard


def inline_functions(model: ir.Model) -> ir.Model:
    """Return the model without functions, which stand where they were called.

    A function may be written for another opset than the model, as long as its operators are the
    same in both.

    Raises:
        UnsupportedError: an operator of a function is another one in the opset of the model.
        ModelError: a function is called without something that its operators need.
    """
    if not model.functions:
        return model
    for function in model.functions.values():
        for domain, version in model.graph.opset_imports.items():
            if _means_the_same(function, domain, version):
                function.opset_imports[domain] = version
    try:
        model = common.InlinePass()(model).model
    except ValueError as error:
        raise UnsupportedError(
            f"a function of the model cannot be inlined: {error}",
            hint="export the model again, with one opset for all of it",
        ) from error
    model.functions.clear()
    for node in all_nodes(model):
        if None in node.inputs and is_standard(node):
            _require_inputs(node, model.graph.opset_imports.get("", 1))
    return model


def _require_inputs(node: ir.Node, opset: int) -> None:
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return
    for formal, value in zip(schema.inputs, node.inputs, strict=False):
        if value is None and formal.option is onnx.defs.OpSchema.FormalParameterOption.Single:
            raise ModelError(
                f"a function is called without what its {node.op_type} needs as {formal.name}"
            )


def _means_the_same(function: ir.Function, domain: str, version: int) -> bool:
    own = function.opset_imports.get(domain, version)
    return all(
        _first_version(node, own) == _first_version(node, version)
        for node in function.all_nodes()
        if node.domain == domain
    )


def _first_version(node: ir.Node, version: int) -> int | None:
    """Return the opset that brought what the operator is in ``version``, or None if unknown."""
    try:
        schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        return None
    return schema.since_version
