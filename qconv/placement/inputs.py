"""What layers multiply their weights with, and how to cut it out of a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from qconv.graph.conv_geometry import windows_of
from qconv.graph.layers import is_turned, output_axis
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import (
    is_constant,
    name_of,
    observable_graphs,
    rank,
    static_shape,
)
from qconv.numerics.windows import Windows

_FLOAT_BYTES = 8
_MOST_BYTES, _MOST_BYTES_TOGETHER = 1 << 29, 1 << 32
"""Of the second moments of one input, whose solver takes 7 times that, and of all at once."""


@dataclass(frozen=True)
class LayerInput:
    """The vectors that one or more layers read.

    Attributes:
        key: a name for them.
        value: the value that they are taken from.
        windows: the geometry of the convolution that reads it; None for products, which read
            its last axis.
        groups: G, the number of groups of channels.
        size: K, the length of a vector.
        nodes: the layers.
    """

    key: str
    value: str
    windows: Windows | None
    groups: int
    size: int
    nodes: tuple[str, ...]

    @classmethod
    def of_vectors(cls, value: str, size: int, nodes: tuple[str, ...]) -> LayerInput:
        """Return the input of layers that read a value's last axis, of ``size`` channels."""
        return cls(key=value, value=value, windows=None, groups=1, size=size, nodes=nodes)

    @property
    def bytes(self) -> int:
        """Memory that their second moments take."""
        return self.groups * self.size * self.size * _FLOAT_BYTES


def layer_inputs(model: ir.Model) -> tuple[LayerInput, ...]:
    """Return the inputs of products, convolutions and recurrent layers that can be observed."""
    found: dict[str, LayerInput] = {}
    for node in (node for graph in observable_graphs(model) for node in graph):
        own = _input_of(node)
        if own is None:
            continue
        known = found.get(own.key)
        nodes = (*known.nodes, *own.nodes) if known is not None else own.nodes
        found[own.key] = replace(own, nodes=nodes)
    return tuple(found.values())


def affordable(inputs: Sequence[LayerInput]) -> tuple[LayerInput, ...]:
    """Return those whose second moments can be held at once: none of K > 8192, 4 GB in all.

    Where that is too little, the largest are left out: so many inputs need more vectors than
    calibration has, so they gain least.
    """
    kept, total = set(), 0
    for layer_input in sorted(inputs, key=lambda each: each.bytes):
        total += layer_input.bytes
        if layer_input.bytes <= _MOST_BYTES and total <= _MOST_BYTES_TOGETHER:
            kept.add(layer_input.key)
    return tuple(each for each in inputs if each.key in kept)


def _input_of(node: ir.Node) -> LayerInput | None:
    operator = operator_of(node)
    if operator.layer is None or len(node.inputs) < 2:
        return None
    data, weight = node.inputs[0], node.inputs[1]
    shape = static_shape(weight)
    if data is None or not is_constant(weight) or is_constant(data) or shape is None:
        return None
    if data.dtype is not ir.DataType.FLOAT or not all(shape):
        return None
    sizes = tuple(size for size in shape if size is not None)
    name, nodes = name_of(data), (str(node.name),)
    if operator.layer is Family.PRODUCT and len(sizes) == 2 and not is_turned(node, 0):
        return LayerInput.of_vectors(name, sizes[1 - output_axis(node)], nodes)
    if operator.layer is Family.RECURRENT and len(sizes) == 3:
        return LayerInput.of_vectors(name, sizes[2], nodes)
    if operator.layer is Family.CONVOLUTION and rank(data) == len(sizes) >= 3:
        windows = windows_of(node, sizes[2:])
        groups = windows.groups
        size = sizes[1]
        for length in sizes[2:]:
            size *= length
        return LayerInput(
            key=f"{name} {_geometry(windows)}",
            value=name,
            windows=windows,
            groups=groups,
            size=size,
            nodes=nodes,
        )
    return None


def _geometry(windows: Windows) -> str:
    parts = {
        "k": windows.kernel,
        "s": windows.strides,
        "d": windows.dilations,
        "p": (*windows.begins, *windows.ends),
        "g": (windows.groups,),
    }
    return " ".join(key + "x".join(map(str, numbers)) for key, numbers in parts.items())
