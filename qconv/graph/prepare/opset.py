"""Bring models to an opset that the rest knows: old ones by converting their operators."""

from __future__ import annotations

from functools import cache

import onnx
import onnx_ir as ir
from onnx import version_converter

from qconv.errors import UnsupportedError
from qconv.graph.onnx_checker import put_back, run_checker, runtime_ops_aside
from qconv.graph.view import all_nodes, is_standard

_KEEP_BYTES = 1024
_SCAN_WITHOUT_BATCH = 9
_IR_VERSIONS = {13: 8, 19: 9, 21: 10, 25: 13}
"""The least IR version from an opset on: that of its types, and one that lets initializers stay
out of the inputs."""


_NEWEST = 26
"""The newest opset of which the runtime has all kernels that the quantized models need."""


def lower_opset(model: ir.Model) -> None:
    """Give a model of a newer opset the number 26 where all its operators are the same there."""
    current = model.graph.opset_imports.get("", _NEWEST)
    nodes = [node for node in all_nodes(model) if is_standard(node)]
    if current > _NEWEST and all(_is_the_same(node.op_type, current) for node in nodes):
        for graph in (model.graph, *model.graph.subgraphs()):
            graph.opset_imports[""] = _NEWEST


@cache
def _is_the_same(op_type: str, opset: int) -> bool:
    """Whether the newest definition of an operator up to ``opset`` is one of opset 26."""
    try:
        return bool(onnx.defs.get_schema(op_type, opset, "").since_version <= _NEWEST)
    except onnx.defs.SchemaError:
        return False


def raise_opset(model: ir.Model, opset: int) -> ir.Model:
    """Return the model at ``opset``, one of 13 and newer, or at its own, newer one.

    A model that has to be converted is left as it was.

    Large weights are taken out while the converter runs, since it copies the whole model; the
    small ones stay, since its adapters read shapes, scales and axes from them.

    Raises:
        UnsupportedError: the converter has no way to convert one of the operators.
    """
    current = model.graph.opset_imports.get("", opset)
    ir_version = max(version for first, version in _IR_VERSIONS.items() if first <= opset)
    if current >= opset:
        model.ir_version = max(model.ir_version or 0, ir_version)
        return model
    if current < _SCAN_WITHOUT_BATCH and any(node.op_type == "Scan" for node in all_nodes(model)):
        raise UnsupportedError(
            f"the model has opset {current}, whose Scan has a batch axis, unlike that of later "
            "opsets",
            hint=f"export the model again with opset {opset} or newer",
        )
    large = {
        name: value
        for name, value in model.graph.initializers.items()
        if (tensor := value.const_value) is not None and tensor.nbytes > _KEEP_BYTES
    }
    for name, value in large.items():
        model.graph.initializers.pop(name)
        model.graph.inputs.append(value)
    with runtime_ops_aside(model):
        proto = ir.to_proto(model)
    proto.ir_version = max(proto.ir_version, ir_version)
    try:
        converted = version_converter.convert_version(proto, opset)
        _correct_outputs(converted)
        result = ir.from_proto(converted)
        put_back(result)
        run_checker(result)
    except MemoryError:
        raise
    except Exception as error:  # the converter raises RuntimeError
        reason = str(error).split("\n")[0]
        raise UnsupportedError(
            f"the model has opset {current} and cannot be raised to {opset}: {reason}",
            hint=f"export the model again with opset {opset} or newer",
        ) from error
    finally:
        for value in large.values():
            model.graph.inputs.remove(value)
            model.graph.register_initializer(value)
    names = {value.name: value for value in result.graph.inputs}
    for name, old in large.items():
        value = names[name]
        result.graph.inputs.remove(value)
        value.const_value = old.const_value
        result.graph.register_initializer(value)
    result.metadata_props.update(model.metadata_props)
    return result


def _correct_outputs(model: onnx.ModelProto) -> None:
    """Give outputs whose declared shape is wrong the inferred one.

    The runtime only warns of such a shape, and the checker may see it at the newer opset alone,
    where more is inferred.
    """
    try:
        onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except onnx.shape_inference.InferenceError:
        undeclared = onnx.ModelProto()
        undeclared.CopyFrom(model)
        for output in undeclared.graph.output:
            output.type.tensor_type.ClearField("shape")
        inferred = onnx.shape_inference.infer_shapes(undeclared)
        for output, found in zip(model.graph.output, inferred.graph.output, strict=True):
            shape, known = output.type.tensor_type.shape, found.type.tensor_type
            if known.HasField("shape") and _contradict(shape, known.shape):
                shape.CopyFrom(known.shape)


def _contradict(declared: onnx.TensorShapeProto, inferred: onnx.TensorShapeProto) -> bool:
    pairs = zip(declared.dim, inferred.dim, strict=False)
    return len(declared.dim) != len(inferred.dim) or any(
        one.HasField("dim_value") and other.HasField("dim_value") and one != other
        for one, other in pairs
    )
