"""Weights behind DequantizeLinear, laid out so that the runtime fuses it into a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.numerics.packing import pack
from qconv.numerics.stored import StoredWeight
from qconv.rewrite.weights.chain import Chain
from qconv.rewrite.weights.shared_constants import Constants

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class _Form:
    """The tensor that is stored, and along which axis its scales run."""

    shape: tuple[int, ...]
    axis: int
    rows_first: bool
    whole: bool


def dequantized_weight(
    weight: StoredWeight,
    name: str,
    dtype: ir.DataType,
    constants: Constants,
    *,
    columns_first: bool = False,
) -> Chain:
    """Return the chain from the stored tensor to the float weight.

    ``columns_first`` stores a matrix of rows as its transpose ``[K, N]`` and gives that.
    """
    form = _form(weight, columns_first=columns_first)
    stored = constants.tensor(
        f"{name}/quantized", _tensor(weight, weight.codes(), form.shape, form)
    )
    scale = constants.own(f"{name}/scale", _params(weight, weight.scale, form))
    inputs = [scale]
    if weight.zero_point is not None:
        codes = _params(weight, weight.zero_point, form)
        inputs.append(
            constants.tensor(f"{name}/zero_point", _typed(weight, codes.reshape(-1), codes.shape))
        )
    attributes: dict[str, int | Sequence[int]] = {}
    if not weight.per_tensor:
        attributes["axis"] = form.axis
        if weight.block is not None:
            attributes["block_size"] = weight.block
    chain = Chain(stored, name, constants)
    chain.then("DequantizeLinear", *inputs, attributes=attributes)
    if form.whole:
        if dtype is not ir.DataType.FLOAT:
            chain.cast(dtype)
        return chain
    return chain.weight_of(weight.layout, dtype)


def _form(weight: StoredWeight, *, columns_first: bool) -> _Form:
    """Choose the weight's own shape where its scales run along one of its axes."""
    layout, blocked = weight.layout, weight.block is not None
    rows, columns = layout.rows, layout.columns
    matrix = len(layout.shape) == 2 and layout.axes == 1
    if columns_first or (matrix and not layout.is_plain):
        return _Form((columns, rows), 0 if blocked else 1, rows_first=False, whole=True)
    if layout.is_plain and (weight.per_tensor or layout.stays_whole(blocked=blocked)):
        return _Form(layout.shape, 1 if blocked else 0, rows_first=True, whole=True)
    return _Form((rows, columns), 1 if blocked else 0, rows_first=True, whole=False)


def _params(weight: StoredWeight, table: NDArray[T], form: _Form) -> NDArray[T]:
    """Lay scales or zero points ``[R, nb]`` out as the stored tensor is."""
    if weight.block is None:
        return table.reshape(() if weight.per_tensor else -1)
    return table if form.rows_first else np.ascontiguousarray(table.T)


def _tensor(
    weight: StoredWeight, codes: NDArray[np.uint8], shape: tuple[int, ...], form: _Form
) -> ir.TensorProtocol:
    ordered = codes if form.rows_first else codes.T
    return _typed(weight, np.ascontiguousarray(ordered).reshape(-1), shape)


def _typed(
    weight: StoredWeight, codes: NDArray[np.uint8], shape: tuple[int, ...]
) -> ir.TensorProtocol:
    """Return codes as a tensor of the container type."""
    dtype = ir.DataType[weight.dtype.container]
    codes = weight.dtype.contained(codes)
    if weight.dtype.bits == 8:
        return ir.tensor(codes.view(dtype.numpy()).reshape(shape), dtype=dtype)
    packed = pack(codes[None], weight.dtype.bits).reshape(-1)
    return ir.PackedTensor(packed, dtype, shape=ir.Shape(shape))
