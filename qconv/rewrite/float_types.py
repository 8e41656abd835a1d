"""Models in another floating-point type: float16, bfloat16, or back to float32."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor, insert_before_reader, release
from qconv.graph.view import constant, name_of
from qconv.observers.statistic import SENTINEL
from qconv.placement.plan import PrecisionPlan
from qconv.placement.precision import FLOAT16_MAX
from qconv.rewrite.retype import remove_needless_casts, retype

Array = NDArray[np.generic]

BFLOAT16_MAX = 3.3895313892515355e38
_CHUNK = 1 << 18
_ADDING = {"Add", "Mul", "Sub", "Where"}
_MIN_STORED = 16
"""Constants of fewer elements are scales and the like, not worth a Cast."""


def to_half(model: ir.Model, plan: PrecisionPlan, *, keep_ports: bool) -> int:
    """Rewrite a prepared float32 model as the plan says; return the number of Casts added."""
    if plan.dtype is ir.DataType.FLOAT16:
        _make_room(model)
    casts = retype(
        model,
        ir.DataType.FLOAT,
        plan.dtype,
        keep={node.node for node in plan.kept_float},
        keep_ports=keep_ports,
        convert=_to_float16 if plan.dtype is ir.DataType.FLOAT16 else _to_bfloat16,
    )
    remove_needless_casts(model)
    return casts


def to_float32(model: ir.Model, plan: PrecisionPlan) -> int:
    """Turn float64, float16 and bfloat16 into float32 as the plan says; return the Casts added."""
    casts, kept = 0, {node.node for node in plan.kept_float}
    for dtype in (ir.DataType.DOUBLE, ir.DataType.FLOAT16, ir.DataType.BFLOAT16):
        casts += retype(
            model, dtype, ir.DataType.FLOAT, keep=kept, keep_ports=False, convert=_to_float32
        )
    remove_needless_casts(model)
    return casts


def store_bfloat16(model: ir.Model) -> int:
    """Store float32 weights in bfloat16 behind one Cast each; return the number of weights."""
    stored = 0
    for graph in (model.graph, *model.graph.subgraphs()):
        editor = Editor(graph)
        for value in list(graph.initializers.values()):
            tensor = value.const_value
            if tensor is None or value.dtype is not ir.DataType.FLOAT or tensor.size < _MIN_STORED:
                continue
            if value.is_graph_output() or value.is_graph_input():
                continue
            name = editor.unique(f"{name_of(value)}/bfloat16")
            narrow = ir.Value(
                name=name,
                const_value=_lazy(tensor, name),
                shape=ir.Shape(tensor.shape.numpy()),
                type=ir.TensorType(ir.DataType.BFLOAT16),
            )
            graph.register_initializer(narrow)
            cast = editor.node(
                "Cast",
                [narrow],
                f"{name_of(value)}/float",
                dtype=ir.DataType.FLOAT,
                shape=value.shape,
                to=int(ir.DataType.FLOAT),
            )
            readers = [usage.node for usage in value.uses()]
            value.replace_all_uses_with(cast.outputs[0])
            insert_before_reader(readers, graph, cast)
            stored += 1
    return stored


def _make_room(model: ir.Model) -> None:
    """Halve what becomes of sentinels in masks: added to a score, the largest float16 overflows.

    Bounds, which Clip, Max and Min read, stay as large as they can be.
    """
    for graph in (model.graph, *model.graph.subgraphs()):
        for value in graph.initializers.values():
            readers = {usage.node.op_type for usage in value.uses()}
            if value.dtype is not ir.DataType.FLOAT or not readers or not readers <= _ADDING:
                continue
            array = constant(value)
            if array is None:
                continue
            sentinels = np.isfinite(array) & (np.abs(array) >= SENTINEL)
            if sentinels.any():
                limit = np.float32(FLOAT16_MAX / 2)
                room = np.where(sentinels, np.clip(array, -limit, limit), array)
                value.const_value = ir.tensor(room.astype(np.float32), name=value.name)
            else:
                del array
                release(value.const_value)


def _lazy(tensor: ir.TensorProtocol, name: str) -> ir.LazyTensor:
    def evaluate() -> ir.TensorProtocol:
        result = ir.tensor(_to_bfloat16(tensor.numpy()), dtype=ir.DataType.BFLOAT16, name=name)
        release(tensor)
        return result

    shape = ir.Shape(tensor.shape.numpy())
    return ir.LazyTensor(evaluate, dtype=ir.DataType.BFLOAT16, shape=shape, name=name)


def _to_float16(array: Array) -> Array:
    return _rounded(array, np.dtype(np.float16), FLOAT16_MAX)


def _to_bfloat16(array: Array) -> Array:
    return _rounded(array, np.dtype(ml_dtypes.bfloat16), BFLOAT16_MAX)


def _rounded(array: Array, dtype: np.dtype[np.generic], largest: float) -> Array:
    """Round to a type; finite sentinels, as masks have, become the largest finite numbers.

    As an infinity a sentinel would turn ``0 * mask`` into NaN. The work is done in chunks, so that
    a large weight is not held a third time.
    """
    result = np.empty(array.shape, dtype)
    source, target = array.reshape(-1), result.reshape(-1)
    for start in range(0, source.size, _CHUNK):
        numbers = source[start : start + _CHUNK]
        with np.errstate(over="ignore"):
            sentinels = np.isfinite(numbers) & (np.abs(numbers) >= SENTINEL)
            if sentinels.any():
                numbers = np.where(sentinels, np.clip(numbers, -largest, largest), numbers)
            target[start : start + _CHUNK] = numbers.astype(dtype)
    return result


def _to_float32(array: Array) -> Array:
    return _rounded(array, np.dtype(np.float32), float(np.finfo(np.float32).max))
