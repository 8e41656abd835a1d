"""What the layers of a model do in one inference: multiplications, numbers read and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import onnx_ir as ir

from qconv.data.source import Feeds, Sample
from qconv.errors import ModelError, UnsupportedError
from qconv.evaluation.weight_entries import data_nodes
from qconv.graph.layers import output_axis
from qconv.graph.model_io import model_to_bytes
from qconv.graph.operators.facts import Family, Numbers
from qconv.graph.operators.table import operator_of
from qconv.graph.shapes import infer_shapes
from qconv.graph.view import static_shape
from qconv.runtime.runner import Runner
from qconv.runtime.session import input_specs, open_session

T = TypeVar("T")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerWork:
    """One Conv, Gemm or MatMul of the main graph.

    ``read`` and ``written`` are the activations, each with how many numbers it holds; weights,
    biases, scales and zero points are none.
    """

    node: ir.Node
    macs: int
    read: tuple[tuple[ir.Value, int], ...]
    written: tuple[tuple[ir.Value, int], ...]


def layer_works(model: ir.Model, feeds: Feeds) -> list[LayerWork] | None:
    """Return what each Conv, Gemm and MatMul of the main graph does.

    The nodes are those of a copy of the model. Where shapes cannot be inferred, they are taken
    from one inference; None where the runtime cannot make one.
    """
    return _known(_works, model, feeds)


def layer_macs(model: ir.Model, feeds: Feeds) -> dict[str, int] | None:
    """Return the multiplications of each Conv, Gemm and MatMul of the main graph, by node name.

    Where shapes cannot be inferred, they are taken from one inference; None where the runtime
    cannot make one.
    """
    return _known(_counts, model, feeds)


def _known(
    tell: Callable[[ir.Model, Mapping[str, Shape]], T | None], model: ir.Model, feeds: Feeds
) -> T | None:
    """Return what can be told of a model for a feed, if need be with the shapes of an inference."""
    sized = _sized(model, feeds)
    found = tell(sized, {})
    if found is None:
        try:
            found = tell(sized, _shapes_of_a_run(model, feeds))
        except (ModelError, UnsupportedError):
            return None
    return found


def _sized(model: ir.Model, feeds: Feeds) -> ir.Model:
    """Return a copy of the model with the shapes that a feed gives."""
    sized = model.clone()
    for value in sized.graph.inputs:
        feed = feeds.get(str(value.name))
        if feed is not None:
            value.shape = ir.Shape(feed.shape)
    infer_shapes(sized)
    return sized


def _works(model: ir.Model, shapes: Mapping[str, Shape]) -> list[LayerWork] | None:
    moving = data_nodes(model)
    works = []
    for node in model.graph:
        operator = operator_of(node)
        if not operator.multiplies:
            continue
        macs = _macs(node, shapes)
        inputs = [
            value
            for index, value in enumerate(node.inputs)
            if value is not None and index not in operator.scales and _is_data(value, moving)
        ]
        read, written = _numbers(inputs, shapes), _numbers(node.outputs, shapes)
        if macs is None or read is None or written is None:
            return None
        works.append(LayerWork(node, macs, read, written))
    return works


def _is_data(value: ir.Value, moving: set[int]) -> bool:
    """Whether a value depends on the model's inputs."""
    producer = value.producer()
    return value.const_value is None if producer is None else id(producer) in moving


def _numbers(
    values: Sequence[ir.Value], shapes: Mapping[str, Shape]
) -> tuple[tuple[ir.Value, int], ...] | None:
    found = [(value, _shape(value, shapes)) for value in values]
    if any(shape is None for _, shape in found):
        return None
    return tuple((value, math.prod(shape)) for value, shape in found if shape is not None)


def _counts(model: ir.Model, shapes: Mapping[str, Shape]) -> dict[str, int] | None:
    counts = {}
    for node in model.graph:
        if not operator_of(node).multiplies:
            continue
        count = _macs(node, shapes)
        if count is None:
            return None
        counts[str(node.name)] = count
    return counts


def _macs(node: ir.Node, shapes: Mapping[str, Shape]) -> int | None:
    """Return the multiplications of one operator: outputs times what each sums over.

    A ConvTranspose spreads each input over a kernel, so its inputs are counted instead.
    """
    operator = operator_of(node)
    spreads = operator.family is Family.SPREADING
    counted = _shape(node.inputs[0] if spreads else node.outputs[0], shapes)
    if counted is None:
        return None
    if operator.numbers is Numbers.PACKED:
        return math.prod(counted) * node.attributes.get_int("K", 0)
    weight = _shape(node.inputs[operator.weights[0]], shapes)
    if weight is None:
        return None
    if operator.family is not Family.PRODUCT:
        return math.prod(counted) * math.prod(weight[1:])
    if len(weight) < 2:
        return math.prod(weight) * (math.prod(counted) or 1)
    return math.prod(counted) * weight[-2 if output_axis(node) == 1 else -1]


def _shape(value: ir.Value | None, shapes: Mapping[str, Shape]) -> Shape | None:
    if value is None:
        return None
    if value.const_value is not None:
        return tuple(value.const_value.shape.numpy())
    shape = static_shape(value)
    if shape is not None and all(isinstance(size, int) for size in shape):
        return tuple(size for size in shape if size is not None)
    return shapes.get(str(value.name))


def _shapes_of_a_run(model: ir.Model, feeds: Feeds) -> dict[str, Shape]:
    """Return the shapes of what layers read and give, as one inference shows them."""
    probed = model.clone()
    values = {
        str(value.name): value
        for node in probed.graph
        if operator_of(node).multiplies
        for value in (*node.inputs, *node.outputs)
        if value is not None and value.const_value is None and not value.is_graph_input()
    }
    probed.graph.outputs.clear()
    probed.graph.outputs.extend(values.values())
    runner = Runner(Path("model"), open_session(model_to_bytes(probed), optimization="none"))
    fitted = {
        spec.name: feeds[spec.name].astype(spec.dtype) for spec in input_specs(runner.session)
    }
    outputs = runner.run(Sample(fitted, None, "a sample"))
    return {name: tuple(array.shape) for name, array in outputs.items()}
