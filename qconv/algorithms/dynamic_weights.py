"""Weights of operators whose inputs are quantized on the way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.saturation import fit_pairs
from qconv.errors import ModelError
from qconv.graph.view import all_nodes, constant, int_attribute, name_of
from qconv.numerics.affine import row_scales
from qconv.numerics.layouts import transposed
from qconv.numerics.number_types import INT8
from qconv.numerics.packing import pack
from qconv.numerics.schemes import PerAxis
from qconv.numerics.stored import StoredWeight
from qconv.placement.plan import DynamicKind
from qconv.rewrite.dynamic import WeightsByInput


def quantize_dynamic(
    model: ir.Model, layers: Mapping[str, DynamicKind], *, portable: bool
) -> WeightsByInput:
    """Return the integer weights of each operator, by node name and input.

    Each output channel has a scale of its own. ``portable`` raises it until 16-bit sums of
    adjacent products cannot saturate; inputs use all of 0 to 255 here, too.

    Raises:
        ModelError: a weight holds NaN or Inf.
    """
    done: dict[tuple[ir.Value, bool], StoredWeight] = {}
    weights = {}
    for node in all_nodes(model):
        kind = layers.get(str(node.name))
        if kind is None:
            continue
        for index in (1, 2) if kind is DynamicKind.LSTM else (1,):
            value = node.inputs[index]
            array = constant(value)
            if value is None or array is None:
                raise ValueError(f"{node.name}: its weight is not a constant")
            by_row = kind is DynamicKind.LSTM or bool(int_attribute(node, "transB", 0))
            if (value, by_row) not in done:
                done[value, by_row] = _quantized(value, array, by_row=by_row, portable=portable)
            weights[str(node.name), index] = done[value, by_row]
    return weights


def _quantized(
    value: ir.Value, array: NDArray[np.generic], *, by_row: bool, portable: bool
) -> StoredWeight:
    """Quantize ``[K, N]``, or with ``by_row`` ``[..., N, K]``; the result is ``[..., K, N]``."""
    if not np.isfinite(array).all():
        raise ModelError(
            f"the weight '{name_of(value)}' holds NaN or Inf",
            hint="the float model is broken; export it again",
        )
    rows = array if by_row else array.T
    matrix = np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]), np.float32)
    scale = row_scales(matrix, INT8.qmax)
    if portable:
        scale = fit_pairs(matrix, scale, 0)
    levels = INT8.grid.nearest(matrix / scale[:, None])
    layout = transposed((*rows.shape[:-2], rows.shape[-1], rows.shape[-2]))
    packed = pack(INT8.codes(levels), INT8.bits)
    return StoredWeight(INT8, layout, PerAxis(0), packed, scale[:, None])
