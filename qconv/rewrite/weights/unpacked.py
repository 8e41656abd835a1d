"""Weights that operators of the oldest opsets unpack, which the runtime does once, at load.

A byte is looked up in a table of the numbers that it holds. All inputs are constants, so the
runtime folds the whole chain into a float weight: the file is small, the model as fast as float.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.numerics.stored import StoredWeight
from qconv.rewrite.weights.chain import Chain, scales_of
from qconv.rewrite.weights.shared_constants import Constants


def unpacked_weight(
    weight: StoredWeight,
    name: str,
    dtype: ir.DataType,
    constants: Constants,
    *,
    packed: ir.Value,
    width: int,
) -> Chain:
    """Return the chain from packed codes of ``[R, width]`` numbers to the float weight."""
    layout = weight.layout
    rows = layout.rows
    table = _smallest(weight.dtype.byte_values)
    chain = Chain(packed, name, constants)
    chain.cast(ir.DataType.INT32)
    numbers = constants.shared(f"{weight.dtype.name}/bytes", table)
    chain.then("Gather", first=numbers, dtype=ir.DataType.from_numpy(table.dtype))
    if table.dtype != np.float32:
        chain.cast(ir.DataType.FLOAT)
    scales = scales_of(weight, f"{name}/scale", constants)
    shape = weight.scale.shape
    blocks = weight.scale.shape[1]
    if weight.block is not None:
        chain.reshape(rows, blocks, weight.block)
        shape = (*shape, 1)
        scales.reshape(*shape)
    else:
        chain.reshape(rows, width)
        if width != layout.columns:
            chain.columns(layout.columns)
    if weight.zero_point is not None:
        offsets = weight.zero_point.reshape(shape).astype(np.float32)
        chain.then("Sub", constants.shared(f"{name}/zero_point", offsets))
    chain.nodes.extend(scales.nodes)
    chain.then("Mul", scales.value)
    if weight.block is not None:
        chain.reshape(rows, blocks * weight.block)
        if blocks * weight.block != layout.columns:
            chain.columns(layout.columns)
    return chain.weight_of(layout, dtype)


def _smallest(table: NDArray[np.float32]) -> NDArray[np.generic]:
    """Return a table in one byte a number where that holds all of them."""
    for dtype in (np.int8, np.uint8):
        limits = np.iinfo(dtype)
        if limits.min <= table.min() and table.max() <= limits.max and (table % 1 == 0).all():
            return table.astype(dtype)
    return table
