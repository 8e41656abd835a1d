"""The runtime's own operators on weights of few bits: MatMulNBits and GatherBlockQuantized.

They are operators of com.microsoft, documented in ONNX Runtime's ContribOperators.md. Both take
packed codes of rows; a zero point that is left out is the middle of the range.
"""

from __future__ import annotations

import onnx_ir as ir

from qconv.graph.edit import supersede
from qconv.graph.layers import is_scaled, is_turned
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import RUNTIME_DOMAIN, operator_of
from qconv.graph.view import int_attribute, name_of
from qconv.numerics.stored import StoredWeight
from qconv.rewrite.weights.chain import Chain, scales_of
from qconv.rewrite.weights.shared_constants import Constants

_WIDTHS = (2, 4, 8)
_BLOCKS = (128, 64, 32, 16)
_INT8_ACTIVATIONS = 4
"""The accuracy level at which activations are rounded to 8 bits, block by block."""


def takes_product(node: ir.Node, index: int, weight: StoredWeight) -> bool:
    """Whether a MatMul or Gemm can become MatMulNBits."""
    shape = weight.layout.shape
    if index != 1 or not _fits(weight) or len(shape) != 2 or not _is_float32(node.inputs[0]):
        return False
    if weight.layout.is_plain != is_turned(node, 1) or is_turned(node, 0):
        return False
    return operator_of(node).layer is Family.PRODUCT and not is_scaled(node)


def takes_table(node: ir.Node, weight: StoredWeight) -> bool:
    """Whether a Gather can become GatherBlockQuantized."""
    plain = len(weight.layout.shape) == 2 and weight.layout.is_plain
    whole = not weight.layout.columns * weight.dtype.bits % 8
    float32 = _is_float32(node.outputs[0])
    return plain and whole and float32 and _fits(weight) and int_attribute(node, "axis", 0) == 0


def _is_float32(value: ir.Value | None) -> bool:
    return value is not None and value.dtype is ir.DataType.FLOAT


def kernel_block(weight: StoredWeight) -> int:
    """Return the block to run with; for scales of whole rows the largest that wastes little."""
    if weight.block is not None:
        return weight.block
    columns = weight.layout.columns
    return next((b for b in _BLOCKS if -columns % b <= columns // 20), _BLOCKS[-1])


def replace_product(
    node: ir.Node,
    weight: StoredWeight,
    packed: ir.Value,
    name: str,
    constants: Constants,
) -> None:
    """Put MatMulNBits, and an Add for the bias of a Gemm, in the place of a product."""
    block = kernel_block(weight)
    count = -(-weight.layout.columns // block)
    output = node.outputs[0]
    codes = Chain(packed, name, constants)
    codes.then(
        "Reshape",
        constants.sizes(weight.layout.rows, count, block * weight.dtype.bits // 8),
        dtype=ir.DataType.UINT8,
    )
    scales = _scales(weight, name, count, constants)
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    product = ir.node(
        "MatMulNBits",
        [node.inputs[0], codes.value, scales.value, *_zero_points(weight, name, count, constants)],
        attributes={
            "K": weight.layout.columns,
            "N": weight.layout.rows,
            "bits": weight.dtype.bits,
            "block_size": block,
            "accuracy_level": _INT8_ACTIVATIONS,
        },
        domain=RUNTIME_DOMAIN,
        name=constants.editor.unique(f"{node.name}/MatMulNBits"),
        outputs=[
            ir.Value(name=constants.editor.unique(f"{name_of(output)}/product"), type=output.type)
        ],
    )
    nodes = [*codes.nodes, *scales.nodes, product]
    if bias is not None:
        total = f"{name_of(output)}/biased"
        nodes.append(constants.editor.node("Add", [product.outputs[0], bias], total))
    supersede(node, *nodes)


def replace_gather(
    node: ir.Node,
    weight: StoredWeight,
    packed: ir.Value,
    name: str,
    constants: Constants,
) -> None:
    """Put GatherBlockQuantized in the place of a Gather."""
    block = kernel_block(weight)
    count = -(-weight.layout.columns // block)
    scales = _scales(weight, name, count, constants)
    zero_points = _zero_points(weight, name, count, constants)
    gather = ir.node(
        "GatherBlockQuantized",
        [packed, node.inputs[1], scales.value, *zero_points],
        attributes={
            "gather_axis": 0,
            "quantize_axis": 1,
            "block_size": block,
            "bits": weight.dtype.bits,
        },
        domain=RUNTIME_DOMAIN,
        name=constants.editor.unique(f"{node.name}/GatherBlockQuantized"),
        outputs=[ir.Value(name=constants.editor.unique(f"{name_of(node.outputs[0])}/rows"))],
    )
    supersede(node, *scales.nodes, gather)


def _fits(weight: StoredWeight) -> bool:
    block = weight.block
    fits = block is None or (block >= _BLOCKS[-1] and not block & (block - 1))
    return weight.dtype.is_integer and weight.dtype.bits in _WIDTHS and fits


def _scales(weight: StoredWeight, name: str, count: int, constants: Constants) -> Chain:
    """Return the scales ``[R, count]``; those of whole rows are expanded when the model loads."""
    chain = scales_of(weight, f"{name}/scale", constants)
    if weight.scale.shape != (weight.layout.rows, count):
        chain.then("Expand", constants.sizes(weight.layout.rows, count))
    return chain


def _zero_points(
    weight: StoredWeight, name: str, count: int, constants: Constants
) -> list[ir.Value]:
    packed = weight.packed_zero_points(count)
    return [] if packed is None else [constants.shared(f"{name}/zero_point", packed)]
