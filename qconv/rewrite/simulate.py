"""A float32 model that rounds as a float16 or bfloat16 one would on hardware that has the type.

ONNX Runtime on x64 computes float16 graphs in float32, where nothing overflows. An explicit Cast
to float16 and back behind each float16 value does round, and does overflow, anywhere.
"""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.edit import Editor, insert_after
from qconv.graph.operators.table import casts, clamps, operator_of
from qconv.graph.view import is_constant, name_of, only_consumer
from qconv.rewrite.retype import remove_needless_casts, retype

_HALVES = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


def half_values(model: ir.Model) -> list[ir.Value]:
    """Return the values that a normalized model computes in float16 or bfloat16, in graph order."""
    return [
        output
        for graph in (model.graph, *model.graph.subgraphs())
        for node in graph
        for output in node.outputs
        if output.dtype in _HALVES and not _is_unpacked(node)
    ]


def widen_half(model: ir.Model) -> None:
    """Turn float16 and bfloat16 into float32 throughout a normalized model, in place."""
    for dtype in _HALVES:
        retype(
            model,
            dtype,
            ir.DataType.FLOAT,
            keep=(),
            keep_ports=False,
            convert=lambda array: array.astype("float32"),
        )


def simulate_half(model: ir.Model, *, clamped: bool = False) -> dict[str, str]:
    """Rewrite a normalized model in place so that it rounds explicitly.

    With ``clamped``, what only a Relu or Clip reads is rounded behind it: the results are the same,
    since rounding keeps order and the bounds are rounded themselves, and the runtime can fuse the
    two. But such values can then not be watched.

    Returns:
        For each rounded value of the main graph, in graph order, its name, and the name that it
        now has before it is rounded. One that exceeds the type's range is where the model
        overflows.
    """
    rounded = {value: value.dtype for value in half_values(model)}
    inputs = {value: value.dtype for value in model.graph.inputs if value.dtype in _HALVES}
    widen_half(model)
    editor = Editor(model.graph)
    watched = {}
    postponed: set[ir.Value] = set()
    for value, half in {**inputs, **rounded}.items():
        producer = value.producer()
        if half is None:
            continue
        if clamped and (later := _clamped(value)) is not None:
            postponed.add(later)
            continue
        if producer is not None and _hands_on(producer) and value not in postponed:
            continue
        watched[name_of(value)] = _round(value, half, editor)
    remove_needless_casts(model)
    return {
        name: name_of(cast.inputs[0])
        for name, cast in watched.items()
        if cast.graph is model.graph and cast.inputs[0] is not None
    }


def _hands_on(node: ir.Node) -> bool:
    """Whether a node's results are among its inputs, which are rounded already."""
    operator = operator_of(node)
    return operator.moves is not None or operator.control is not None


def _clamped(value: ir.Value) -> ir.Value | None:
    """Return the output of the Relu or Clip that alone reads a value, None where none does."""
    reader = only_consumer(value)
    if reader is None or not clamps(reader) or reader.inputs[0] is not value:
        return None
    return reader.outputs[0]


def _is_unpacked(node: ir.Node) -> bool:
    """Whether the node only restores a stored weight."""
    return casts(node) and is_constant(node.inputs[0])


def _round(value: ir.Value, half: ir.DataType, editor: Editor) -> ir.Node:
    """Insert the pair of Casts; return the one that narrows."""
    graph = value.graph
    if graph is None:
        raise ValueError(f"{value.name} is in no graph")
    name = name_of(value)
    narrow = editor.node(
        "Cast", [value], f"{name}/narrow", dtype=half, shape=value.shape, to=int(half)
    )
    wide = editor.node(
        "Cast",
        [narrow.outputs[0]],
        f"{name}/rounded",
        dtype=ir.DataType.FLOAT,
        shape=value.shape,
        to=int(ir.DataType.FLOAT),
    )
    for usage in value.uses():
        if usage.node is not narrow:
            usage.node.replace_input_with(usage.idx, wide.outputs[0])
    insert_after(value, graph, narrow, wide)
    for index, output in enumerate(graph.outputs):
        if output is value:
            value.name = editor.unique(f"{name}/exact")
            wide.outputs[0].name = name
            graph.outputs[index] = wide.outputs[0]
    return narrow
