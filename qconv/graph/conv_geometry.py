"""Read the geometry of a convolution from its node."""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.view import int_attribute, ints_attribute, static_shape
from qconv.numerics.windows import Windows


def windows_of(conv: ir.Node, kernel: tuple[int, ...]) -> Windows:
    """Read the geometry of a Conv node with a ``kernel`` of the given size.

    A shape that the model declares wrongly tells no sizes.
    """
    axes = len(kernel)
    shape = static_shape(conv.inputs[0])
    sizes = (None,) * axes if shape is None or len(shape) != axes + 2 else shape[2:]
    strides = ints_attribute(conv, "strides") or (1,) * axes
    dilations = ints_attribute(conv, "dilations") or (1,) * axes
    pads = ints_attribute(conv, "pads") or (0,) * (2 * axes)
    auto_pad = conv.attributes.get_string("auto_pad", "NOTSET")
    begins, ends = pads[:axes], pads[axes:]
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        totals = [_same_padding(sizes[i], kernel[i], strides[i], dilations[i]) for i in range(axes)]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        begins, ends = tuple(small), tuple(large)
        if auto_pad == "SAME_LOWER":
            begins, ends = ends, begins
    return Windows(
        groups=int_attribute(conv, "group", 1),
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        begins=begins,
        ends=ends,
        sizes=sizes,
    )


def _same_padding(size: int | None, kernel: int, stride: int, dilation: int) -> int:
    reach = dilation * (kernel - 1) + 1
    if size is None:
        return reach - 1
    outputs = -(-size // stride)
    return max((outputs - 1) * stride + reach - size, 0)
