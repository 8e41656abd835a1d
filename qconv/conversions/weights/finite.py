"""Weights read from a model, of which none is to hold NaN or Inf."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.errors import ModelError
from qconv.graph.view import constant, name_of

_CHUNK = 1 << 22
"""Numbers that are looked at at a time, so that a large weight needs little memory."""


def finite_weight(value: ir.Value, reader: str = "") -> NDArray[np.generic]:
    """Return a constant in the type that it has in the model.

    Args:
        value: the weight.
        reader: what to say of the operator that reads it.

    Raises:
        ModelError: it holds NaN or Inf.
    """
    array = constant(value)
    if array is None:
        raise ValueError(f"{value.name} is not a constant")
    flat = array.reshape(-1)
    for begin in range(0, flat.size, _CHUNK):
        if not np.isfinite(flat[begin : begin + _CHUNK]).all():
            of = f" of {reader}" if reader else ""
            raise ModelError(
                f"the weight '{name_of(value)}'{of} holds NaN or Inf",
                hint="the float model is broken; export it again",
            )
    return array
