"""Sparse tensors of a model file, written out as the dense ones that they stand for."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from qconv.errors import ModelError, UnsupportedError
from qconv.graph.tensor_protos import holders, sparse_tensors

_MOST_BYTES = 1 << 26
_MOST_GROWTH = 100
"""A dense tensor may take 64 MiB, or so many times the bytes of the sparse one."""


def make_dense(proto: onnx.ModelProto, path: Path) -> None:
    """Turn sparse initializers and attributes into dense ones, as the runtime does on loading.

    Their parts must have been checked, and read into the model, before.

    Raises:
        ModelError: a sparse tensor is not well-formed.
        UnsupportedError: it is far too large once it is dense.
    """
    for holder in list(holders(proto)):
        found = [_dense(sparse, path) for sparse in sparse_tensors(holder)]
        if not found:
            continue
        if isinstance(holder, onnx.GraphProto):
            holder.initializer.extend(found)
            holder.ClearField("sparse_initializer")
        elif holder.HasField("sparse_tensor"):
            holder.t.CopyFrom(found[0])
            holder.type = onnx.AttributeProto.TENSOR
            holder.name = "value" if holder.name == "sparse_value" else holder.name
            holder.ClearField("sparse_tensor")
        else:
            holder.tensors.extend(found)
            holder.type = onnx.AttributeProto.TENSORS
            holder.ClearField("sparse_tensors")


def _dense(sparse: onnx.SparseTensorProto, path: Path) -> onnx.TensorProto:
    name, dims = sparse.values.name, list(sparse.dims)
    where = f"{path}: the sparse tensor '{name}'"
    values = numpy_helper.to_array(sparse.values)
    indices = numpy_helper.to_array(sparse.indices)
    if values.dtype.kind == "O" or indices.dtype.kind not in "iu":
        raise ModelError(f"{where} does not have whole numbers as indices")
    if not dims or min(dims) < 0 or values.shape != indices.shape[:1]:
        raise ModelError(
            f"{where} has {values.size} values, which do not fit its indices or dimensions {dims}"
        )
    limit = max(_MOST_BYTES, _MOST_GROWTH * (values.nbytes + indices.nbytes))
    size = prod(dim or 1 for dim in dims) * values.itemsize
    if size > limit:
        raise UnsupportedError(
            f"{where} of {dims} is too large for a dense tensor",
            hint="export the model with dense weights",
        )
    if indices.ndim == 2 and indices.shape[1] == len(dims):
        inside = bool(np.all((indices >= 0) & (indices < dims)))
        places = np.ravel_multi_index(tuple(indices.T), dims) if inside else indices
    else:
        inside = indices.ndim == 1 and bool(np.all((indices >= 0) & (indices < prod(dims))))
        places = indices
    if not inside:
        raise ModelError(f"{where} has a value outside its dimensions {dims}")
    flat = np.zeros(prod(dims), values.dtype)
    flat[places] = values
    return numpy_helper.from_array(flat.reshape(dims), name)
