"""Merge constant zero padding into the convolution that reads it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import bypass, may_bypass, nodes_to_edit
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import clamps, operator_of
from qconv.graph.view import (
    clip_bounds,
    constant,
    int_attribute,
    ints_attribute,
    is_standard,
    only_consumer,
)


def fold_pads(model: ir.Model) -> None:
    """Fold Pad nodes with constant pads: all-zero ones away, zero-valued ones into their reader.

    That is a Conv, or a MaxPool of data that are not negative. Exporters of models with "same"
    padding write such Pads; between quantized operators each would cost a kernel of its own.
    """
    for node, _ in nodes_to_edit(model):
        if node.op_type != "Pad" or not is_standard(node):
            continue
        data = node.inputs[0]
        pads = _constant_pads(node)
        if data is None or pads is None:
            continue
        if not any(pads):
            if may_bypass(node, data):
                bypass(node, data)
            continue
        reader = only_consumer(node.outputs[0])
        if reader is None or not is_standard(reader) or reader.inputs[0] is not node.outputs[0]:
            continue
        merged = _merged(node, reader, pads)
        if merged is not None and (
            operator_of(reader).layer is Family.CONVOLUTION
            or (reader.op_type == "MaxPool" and _poolable(node, reader, merged))
        ):
            reader.attributes["pads"] = ir.AttrInt64s("pads", merged)
            reader.attributes.pop("auto_pad", None)
            bypass(node, data)


def _poolable(pad: ir.Node, pool: ir.Node, pads: list[int]) -> bool:
    """Whether zeros around the data lose to some element in each window: none is negative."""
    clamp = pad.inputs[0].producer() if pad.inputs[0] is not None else None
    bounds = clip_bounds(clamp) if clamp is not None and clamps(clamp) else None
    kernel = ints_attribute(pool, "kernel_shape") or ()
    return (
        bounds is not None
        and bounds[0] >= 0
        and not int_attribute(pool, "ceil_mode", 0)
        and all(begin < size for begin, size in zip(pads, kernel * 2, strict=True))
        and len(pool.outputs) == 1
        and not set(ints_attribute(pool, "dilations") or ()) - {1}
    )


def _constant_pads(node: ir.Node) -> list[int] | None:
    """Return the pads as ONNX lays them out (all begins, then all ends), or None."""
    if node.attributes.get_string("mode", "constant") != "constant" or len(node.inputs) > 3:
        return None
    pads = constant(node.inputs[1])
    return None if pads is None else [int(pad) for pad in pads]


def _merged(node: ir.Node, reader: ir.Node, pads: list[int]) -> list[int] | None:
    half = len(pads) // 2
    begins, ends = pads[:half], pads[half:]
    if any(begins[:2] + ends[:2]) or min(pads) < 0:
        return None
    if reader.attributes.get_string("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    fill = node.inputs[2] if len(node.inputs) > 2 else None
    value = constant(fill) if fill is not None else np.zeros(())
    if value is None or value.any():
        return None
    own = ints_attribute(reader, "pads") or (0,) * (2 * (half - 2))
    return [int(a + b) for a, b in zip(own, begins[2:] + ends[2:], strict=True)]
