"""Where the tensors of a model file stand, and whether each holds as much as it declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path

import onnx
import onnx_ir as ir

from qconv.errors import ModelError

_MOST_ELEMENTS = 1 << 58
"""NumPy has no array with more, not even an empty one: an axis of length 0 counts as 1."""
_MOST_DIMENSIONS = 64
"""Those of a NumPy array."""

Holder = onnx.GraphProto | onnx.AttributeProto
"""What a tensor of a model belongs to."""

_TYPES = {item.value for item in ir.DataType} - {onnx.TensorProto.UNDEFINED}
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def holders(proto: onnx.ModelProto) -> Iterator[Holder]:
    """Every graph and attribute of a model, those of its functions and inner graphs included."""
    yield from _of_graph(proto.graph)
    for function in proto.functions:
        yield from _of_nodes(function.node)
        yield from _of_attributes(function.attribute_proto)


def _of_graph(graph: onnx.GraphProto) -> Iterator[Holder]:
    yield graph
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[Holder]:
    for node in nodes:
        yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Iterable[onnx.AttributeProto]) -> Iterator[Holder]:
    for attribute in attributes:
        yield attribute
        if attribute.HasField("g"):
            yield from _of_graph(attribute.g)
        for graph in attribute.graphs:
            yield from _of_graph(graph)


def all_tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model: initializers, attributes, and the two parts of sparse ones.

    The initializers of the main graph come first.
    """
    for holder in holders(proto):
        if isinstance(holder, onnx.GraphProto):
            yield from holder.initializer
        else:
            yield from (holder.t,) if holder.HasField("t") else ()
            yield from holder.tensors
        for sparse in sparse_tensors(holder):
            yield sparse.values
            yield sparse.indices


def sparse_tensors(holder: Holder) -> list[onnx.SparseTensorProto]:
    """The sparse tensors of a graph or an attribute itself."""
    if isinstance(holder, onnx.GraphProto):
        return list(holder.sparse_initializer)
    alone = [holder.sparse_tensor] if holder.HasField("sparse_tensor") else []
    return [*alone, *holder.sparse_tensors]


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the numbers of a tensor are in another file."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def declared_bytes(tensor: onnx.TensorProto, path: Path) -> int:
    """Return how many bytes a tensor of numbers takes, by its type and dimensions.

    Types of less than a byte are packed.

    Raises:
        ModelError: ONNX has no such type or dimensions, or they are no numbers but text.
    """
    size = _size(tensor, path)
    if tensor.data_type == onnx.TensorProto.STRING:
        raise ModelError(f"{path}: the tensor '{tensor.name}' is text, stored as numbers are")
    return -(-size * ir.DataType(tensor.data_type).bitwidth // 8)


def check_stored(tensor: onnx.TensorProto, path: Path) -> None:
    """Refuse a tensor that holds more, or less, than its type and dimensions say.

    Raises:
        ModelError: it does, or ONNX has no such type or dimensions.
    """
    size = _size(tensor, path)
    where = f"{path}: the tensor '{tensor.name}' of type {_type_name(tensor)} {list(tensor.dims)}"
    typed = [field for field in _FIELDS if getattr(tensor, field)]
    raw = tensor.HasField("raw_data")
    if len(typed) + raw > 1:
        raise ModelError(f"{where} holds its values twice")
    if raw:
        declared, held, unit = declared_bytes(tensor, path), len(tensor.raw_data), "bytes"
    else:
        field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
        if typed and typed != [field]:
            raise ModelError(f"{where} holds its values as {typed[0]}, not as {field}")
        declared, held, unit = _entries(tensor, size), len(getattr(tensor, field)), "values"
    if declared != held:
        raise ModelError(f"{where} needs {declared} {unit} and holds {held}")


def _size(tensor: onnx.TensorProto, path: Path) -> int:
    """Return the number of elements."""
    where = f"{path}: the tensor '{tensor.name}'"
    if tensor.data_type not in _TYPES:
        raise ModelError(f"{where} has the type {tensor.data_type}, which ONNX does not know")
    if any(dim < 0 for dim in tensor.dims):
        raise ModelError(f"{where} has a negative dimension: {list(tensor.dims)}")
    if len(tensor.dims) > _MOST_DIMENSIONS:
        raise ModelError(f"{where} has more than {_MOST_DIMENSIONS} dimensions")
    if 0 in tensor.dims and prod(dim or 1 for dim in tensor.dims) > _MOST_ELEMENTS:
        raise ModelError(f"{where} has dimensions that no array can have: {list(tensor.dims)}")
    return prod(tensor.dims)


def _entries(tensor: onnx.TensorProto, size: int) -> int:
    """Return how many values of a typed field the elements take."""
    if tensor.data_type in (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128):
        return 2 * size
    if tensor.data_type == onnx.TensorProto.STRING:
        return size
    bits = ir.DataType(tensor.data_type).bitwidth
    return -(-size * bits // 8) if bits in (2, 4) else size


def _type_name(tensor: onnx.TensorProto) -> str:
    return ir.DataType(tensor.data_type).name.lower()
