"""A copy of the model that gives summaries of chosen inner values instead of its own outputs.

Feature maps are reduced inside the graph by pooling operators, which the runtime computes in
the blocked memory layout of its convolutions: the maps are neither reordered nor copied out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor
from qconv.graph.lift import Lifter
from qconv.graph.shapes import shapes_for
from qconv.graph.view import name_of

_SAMPLED_POSITIONS = 64
_MOST_AXES = 5
"""The runtime pools along three axes at most."""


@dataclass(frozen=True)
class Request:
    """What to observe of one value.

    ``maps``: reduce it as a feature map ``[N, C, D1, ...]``; else give it whole. Of a map,
    ``low`` asks for the minimum, which a map behind Relu does not need, and ``sample`` for a
    subsample.
    """

    value: str
    maps: bool
    low: bool = True
    sample: bool = False


@dataclass(frozen=True)
class Probe:
    """The graph outputs that summarize one map ``[N, C, D1, ...]``.

    ``high`` is its maximum, ``negated_low`` the maximum of its negative and ``mean`` its mean,
    each ``[N, C, 1, ...]``; ``sample`` is every k-th position along each spatial axis, which
    ``positions`` takes out of the map. None stands for what was not asked for.
    """

    value: str
    high: str
    mean: str
    negated_low: str | None
    sample: str | None
    positions: tuple[slice, ...]


@dataclass(frozen=True)
class Probed:
    """A model that gives the values ``whole`` as they are and the maps ``maps`` summarized."""

    model: ir.Model
    whole: tuple[str, ...]
    maps: tuple[Probe, ...]


def add_probes(
    model: ir.Model,
    requests: Iterable[Request],
    feed_shapes: Mapping[str, tuple[int, ...]],
    also: Iterable[str] = (),
) -> Probed:
    """Return a copy of ``model`` with the probes as its only outputs; weights are shared.

    ``feed_shapes`` are the shapes of one feed, from which the sampling density of maps with
    dynamic axes is chosen. The values ``also`` are given as they are, beside what is requested.
    Values of branches are given whole, without elements where the branch is not taken; maps
    without elements, or of more axes than can be pooled, are given whole, too.
    """
    shapes = _map_shapes(model, feed_shapes)
    probed = model.clone()
    graph = probed.graph
    values = ir.convenience.create_value_mapping(graph)
    builder = _ProbeBuilder(graph)
    lifter = Lifter(probed, builder.editor)
    whole, maps = [], []
    for request in requests:
        value = values[request.value]
        shape = shapes.get(request.value)
        if value.graph is not graph:
            builder.outputs.append(lifter.lift(value))
            whole.append(request.value)
        elif request.maps and shape is not None and 0 not in shape:
            maps.append(builder.reduce(value, request, shape))
        else:
            builder.outputs.append(value)
            whole.append(request.value)
    builder.outputs.extend(
        lifter.lift(values[name]) for name in dict.fromkeys(also) if name not in whole
    )
    graph.outputs.clear()
    graph.outputs.extend(builder.outputs)
    return Probed(probed, tuple(whole), tuple(maps))


def _map_shapes(
    model: ir.Model, feed_shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int | None, ...]]:
    found = shapes_for(model, feed_shapes)
    return {name: shape for name, shape in found.items() if 3 <= len(shape) <= _MOST_AXES}


class _ProbeBuilder:
    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.editor = Editor(graph)
        self.outputs: list[ir.Value] = []
        self.minus_one = self.editor.initializer("minus_one", np.array([-1], np.float32))

    def reduce(self, value: ir.Value, request: Request, shape: tuple[int | None, ...]) -> Probe:
        name = name_of(value)
        low = sample = None
        spatial = shape[2:]
        stride = _stride(spatial)
        if request.low:
            negated = self._append("Mul", [value, self.minus_one], f"{name}/negated")
            low = self._output("GlobalMaxPool", negated, f"{name}/negated_low")
        if request.sample:
            sample = self._output(
                "MaxPool",
                value,
                f"{name}/sample",
                kernel_shape=[1] * len(spatial),
                strides=[stride] * len(spatial),
            )
        high = self._output("GlobalMaxPool", value, f"{name}/high")
        mean = self._output("GlobalAveragePool", value, f"{name}/mean")
        every = slice(None, None, stride)
        positions = (slice(None), slice(None), *(every for _ in spatial))
        return Probe(name, high, mean, negated_low=low, sample=sample, positions=positions)

    def _append(
        self, op_type: str, inputs: list[ir.Value], output: str, **windows: Sequence[int]
    ) -> ir.Value:
        node = self.editor.node(
            op_type, inputs, output, dtype=ir.DataType.FLOAT, shape=None, **windows
        )
        self.graph.append(node)
        return node.outputs[0]

    def _output(self, op_type: str, value: ir.Value, name: str, **windows: Sequence[int]) -> str:
        output = self._append(op_type, [value], name, **windows)
        self.outputs.append(output)
        return name_of(output)


def _stride(spatial: tuple[int | None, ...]) -> int:
    """Return the step along each axis that leaves about 64 positions of a map."""
    if not spatial or None in spatial:
        return 2
    positions = float(np.prod([float(size or 1) for size in spatial]))
    return max(1, int((positions / _SAMPLED_POSITIONS) ** (1 / len(spatial)) + 0.5))
