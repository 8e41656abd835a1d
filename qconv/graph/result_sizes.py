"""What the results of a node will be, told before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite, prod

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import numpy_helper

from qconv.graph.operators.facts import Extent
from qconv.graph.operators.table import operator_of

Arrays = Mapping[str, NDArray[np.generic]]

_TELLING = 1024
"""Elements of an input from which on it is no shape, number of repeats or the like."""


@dataclass(frozen=True)
class Expected:
    """A result that is not there yet; ``bits`` are those of an element."""

    bits: int
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return -(-prod(self.shape) * self.bits // 8)


def expected_results(
    node: ir.Node, arrays: Arrays, opsets: Mapping[str, int]
) -> list[Expected] | None:
    """Return what ONNX's shape inference says of the results of a standard operator.

    What is chosen from the inputs, and so no larger, is left out.

    Args:
        node: the node.
        arrays: its inputs by name.
        opsets: the opsets of the model by domain.

    Returns:
        The results, or None where the inference fails or does not tell.
    """
    extent = operator_of(node).extent
    if extent is Extent.CHOSEN:
        return []
    if extent is Extent.COUNTED:
        return _range([arrays.get(str(value and value.name)) for value in node.inputs])
    try:
        found = _infer(node, arrays, opsets.get("", 1))
    except MemoryError:
        raise
    except Exception:  # onnx's errors of schemas and of inference share no base class
        return None
    results = [_expected(type_.tensor_type) for type_ in found.values()]
    known = [result for result in results if result is not None]
    return known if known and len(known) == len(results) else None


def _infer(node: ir.Node, arrays: Arrays, opset: int) -> Mapping[str, onnx.TypeProto]:
    types = {
        name: onnx.helper.make_tensor_type_proto(ir.DataType.from_numpy(a.dtype).value, a.shape)
        for name, a in arrays.items()
    }
    telling = {name: a for name, a in arrays.items() if a.size <= _TELLING and a.dtype.kind in "fi"}
    return onnx.shape_inference.infer_node_outputs(
        onnx.defs.get_schema(node.op_type, opset, ""),
        ir.to_proto(node),
        types,
        {name: numpy_helper.from_array(array, name) for name, array in telling.items()},
        opset_imports=[onnx.helper.make_opsetid("", opset)],
    )


def _expected(tensor: onnx.TypeProto.Tensor) -> Expected | None:
    axes = tensor.shape.dim
    if not tensor.HasField("shape") or not all(axis.HasField("dim_value") for axis in axes):
        return None
    if tensor.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return None
    bits = ir.DataType(tensor.elem_type).bitwidth
    return Expected(bits, tuple(axis.dim_value for axis in axes))


def _range(given: list[NDArray[np.generic] | None]) -> list[Expected] | None:
    """Count the steps; the inference does so for some of the types alone."""
    bounds = [float(array.reshape(-1)[0]) for array in given if array is not None and array.size]
    if len(bounds) != len(given) or len(bounds) != 3:
        return None
    start, limit, step = bounds
    steps = (limit - start) / step if step else 0.0
    if not isfinite(steps):
        return None
    return [Expected(64, (max(ceil(steps), 0),))]
