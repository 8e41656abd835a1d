"""Spell operators the one way that has an integer kernel, where exporters know several."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, bypass, may_bypass, nodes_to_edit, supersede
from qconv.graph.operators.table import clamps
from qconv.graph.view import (
    clip_bounds,
    constant,
    int_attribute,
    ints_attribute,
    is_constant,
    is_standard,
    name_of,
    only_consumer,
    rank,
)


def use_equivalents(model: ir.Model) -> None:
    """Rewrite nodes, also in bodies.

    ``Sum`` becomes ``Add``; ``Sub`` of a constant ``Add``, and ``Div`` by one ``Mul``;
    ``ReduceMean`` over all axes of a map ``GlobalAveragePool``; ``Max`` and ``Min`` with a number
    ``Clip``; a ``Relu`` or ``Clip`` behind another one ``Clip``.
    """
    rewriters = {
        "Sum": _add_up,
        "ReduceMean": _pool,
        "Max": _clip,
        "Min": _clip,
        "Div": _invert_constant,
        "Sub": _invert_constant,
        "Relu": _merge_clamps,
        "Clip": _merge_clamps,
    }
    for node, editor in nodes_to_edit(model):
        rewrite = rewriters.get(node.op_type)
        if rewrite is not None and is_standard(node):
            rewrite(node, editor)


def _add_up(node: ir.Node, editor: Editor) -> None:
    name, total = name_of(node.outputs[0]), node.inputs[0]
    if len(node.inputs) < 2:
        if total is not None and may_bypass(node, total):
            bypass(node, total)
        return
    nodes = []
    for value in node.inputs[1:]:
        nodes.append(editor.node("Add", [total, value], f"{name}/sum", dtype=node.outputs[0].dtype))
        total = nodes[-1].outputs[0]
    supersede(node, *nodes)


def _pool(node: ir.Node, editor: Editor) -> None:
    axes_count = rank(node.inputs[0])
    axes = _axes(node)
    if axes is None or axes_count is None or axes_count < 4:
        return
    if {axis % axes_count for axis in axes} != set(range(2, axes_count)):
        return
    name = name_of(node.outputs[0])
    pool = editor.node(
        "GlobalAveragePool", node.inputs[:1], f"{name}/mean", dtype=node.outputs[0].dtype
    )
    if int_attribute(node, "keepdims", 1):
        supersede(node, pool)
    else:
        supersede(node, pool, editor.node("Flatten", pool.outputs, f"{name}/flat"))


def _axes(node: ir.Node) -> tuple[int, ...] | None:
    if len(node.inputs) > 1:
        array = constant(node.inputs[1])
        return None if array is None else tuple(int(axis) for axis in array.reshape(-1))
    return ints_attribute(node, "axes")


def _clip(node: ir.Node, editor: Editor) -> None:
    if len(node.inputs) != 2:
        return
    for data, limit in (node.inputs, node.inputs[::-1]):
        array = constant(limit)
        data_rank = rank(data)
        if array is None or array.size != 1 or data_rank is None or array.ndim > data_rank:
            continue
        if array.dtype != np.float32 or constant(data) is not None:
            continue
        number = editor.initializer(f"{name_of(node.outputs[0])}/limit", array.reshape(()))
        bounds = [number, None] if node.op_type == "Max" else [None, number]
        clip = editor.node("Clip", [data, *bounds], f"{name_of(node.outputs[0])}/clip")
        supersede(node, clip)
        _merge_clamps(clip, editor)
        return


def _invert_constant(node: ir.Node, editor: Editor) -> None:
    data, table = node.inputs[0], constant(node.inputs[1])
    if data is None or is_constant(data) or table is None or table.dtype != np.float32:
        return
    if _in_float_pattern(node):
        return
    numbers = table.astype(np.float64)
    with np.errstate(divide="ignore"):
        inverse = (-numbers if node.op_type == "Sub" else 1 / numbers).astype(np.float32)
    if not np.isfinite(inverse).all():
        return
    name, op_type = name_of(node.outputs[0]), "Add" if node.op_type == "Sub" else "Mul"
    value = editor.initializer(f"{name}/constant", inverse)
    supersede(node, editor.node(op_type, [data, value], f"{name}/{op_type}"))


def _in_float_pattern(node: ir.Node) -> bool:
    """Whether the runtime looks for the node as it is: in attention, or in Gelu."""
    source = node.inputs[0].producer() if node.inputs[0] is not None else None
    in_gelu = any(usage.node.op_type == "Erf" for usage in node.outputs[0].uses())
    return in_gelu or (source is not None and source.op_type == "MatMul")


def _merge_clamps(node: ir.Node, editor: Editor) -> None:
    value = node.inputs[0]
    before = value.producer() if value is not None else None
    if value is None or before is None or not clamps(before):
        return
    if only_consumer(value) is not node or value.dtype is not ir.DataType.FLOAT:
        return
    inner, outer = clip_bounds(before), clip_bounds(node)
    if inner is None or outer is None:
        return
    low, high = (min(max(bound, outer[0]), outer[1]) for bound in inner)
    name = name_of(node.outputs[0])
    numbers = [
        editor.initializer(f"{name}/{label}", np.array(bound, np.float32))
        if np.isfinite(bound)
        else None
        for label, bound in (("low", low), ("high", high))
    ]
    supersede(node, editor.node("Clip", [before.inputs[0], *numbers], f"{name}/clip"))
    editor.graph.remove(before, safe=True)
