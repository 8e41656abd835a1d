"""Fold chains of sums and products with constants into the convolutions behind them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

from qconv.graph.edit import Editor, bypass, may_bypass, nodes_to_edit, supersede
from qconv.graph.layers import bias_of, groups_of
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.prepare.affine import Affine, Floats, affine_of
from qconv.graph.view import (
    constant,
    ints_attribute,
    is_constant,
    name_of,
    only_consumer,
    rank,
)


def fold_chains(model: ir.Model) -> None:
    """Fold what multiplies and shifts maps by constants, in steps that nothing else reads.

    Such are the scales of gates that are written out, and those that a training framework learns.
    Where convolutions alone read the result, ``W (g x + o) + b = (W g) x + (b + W o)``. A
    convolution that pads does so with zeros behind the offset, which then stays, as
    ``g (x + o / g)``. Else a longer chain becomes one product and one sum.
    """
    folded: set[ir.Node] = set()
    for node, editor in nodes_to_edit(model):
        if node in folded or _affine(node) is None:
            continue
        chain = _chain(node)
        folded.update(chain)
        _fold(chain, editor)


def _chain(node: ir.Node) -> list[ir.Node]:
    chain = [node]
    while (reader := only_consumer(chain[-1].outputs[0])) is not None:
        if _affine(reader) is None:
            break
        chain.append(reader)
    return chain


def _fold(chain: list[ir.Node], editor: Editor) -> None:
    source, result = _data(chain[0]), chain[-1].outputs[0]
    if source is None:
        return
    affine = Affine(np.ones(1), np.zeros(1))
    for node in chain:
        own = _affine(node)
        if own is not None:
            affine = affine.then(own)
    readers = [use.node for use in result.uses()]
    if _all_take(readers, result, affine):
        shifted = bool(affine.offset.any())
        if shifted and any(map(_pads, readers)):
            if len(chain) == 1 or not affine.gain.all():
                return
            _take(readers, Affine(affine.gain, np.zeros(1)), editor)
            _shorten(chain, source, Affine(np.ones(1), affine.offset / affine.gain), editor)
        elif may_bypass(chain[-1], source):
            _take(readers, affine, editor)
            bypass(chain[-1], source)
            _drop(chain[:-1])
    else:
        _shorten(chain, source, affine, editor)


def _all_take(readers: Iterable[ir.Node], result: ir.Value, affine: Affine) -> bool:
    """Whether convolutions with constant weights alone read a value, as their data."""
    found = list(readers)
    if not found or result.is_graph_output():
        return False
    for reader in found:
        if operator_of(reader).layer is not Family.CONVOLUTION or reader.graph is not result.graph:
            return False
        weight, bias = constant(reader.inputs[1]), _bias(reader)
        if weight is None or bias is None or result in reader.inputs[1:]:
            return False
        channels = weight.shape[1] * groups_of(reader)
        if any(numbers.size not in (1, channels) for numbers in (affine.gain, affine.offset)):
            return False
    return True


def _take(convs: Iterable[ir.Node], affine: Affine, editor: Editor) -> None:
    """Write weights and biases so that convolutions do what came before them, too.

    A weight that they share stays shared.
    """
    written: dict[ir.Value | None, ir.Value | None] = {}
    for conv in dict.fromkeys(convs):
        before = conv.inputs[1]
        _take_one(conv, affine, editor)
        conv.replace_input_with(1, written.setdefault(before, conv.inputs[1]))


def _take_one(conv: ir.Node, affine: Affine, editor: Editor) -> None:
    weight, bias = constant(conv.inputs[1]), _bias(conv)
    if weight is None or bias is None:
        raise ValueError(f"{conv.name}: its weight is not a constant")
    groups = groups_of(conv)
    exact = weight.astype(np.float64)
    grouped = exact.reshape(groups, -1, *exact.shape[1:])
    shape = (groups, 1, weight.shape[1], *(1,) * (exact.ndim - 2))
    channels = groups * weight.shape[1]
    gain, offset = (
        np.broadcast_to(each, channels).reshape(shape) for each in (affine.gain, affine.offset)
    )
    name = name_of(conv.outputs[0])
    scaled = (grouped * gain).reshape(exact.shape).astype(weight.dtype)
    conv.replace_input_with(1, editor.initializer(f"{name}/weight", scaled))
    if offset.any():
        added = (grouped * offset).reshape(len(exact), -1).sum(axis=1)
        conv.resize_inputs(3)
        total = (bias + added).astype(weight.dtype)
        conv.replace_input_with(2, editor.initializer(f"{name}/bias", total))


def _shorten(chain: list[ir.Node], source: ir.Value, affine: Affine, editor: Editor) -> None:
    """Put one product and one sum, as far as they do something, in the place of a longer chain."""
    steps = (("Mul", affine.gain, 1.0), ("Add", affine.offset, 0.0))
    needed = [(op_type, numbers) for op_type, numbers, idle in steps if (numbers != idle).any()]
    axes = rank(source)
    if len(needed) >= len(chain) or not needed or axes is None:
        return
    name, value, nodes = name_of(chain[-1].outputs[0]), source, []
    for op_type, numbers in needed:
        shape = (1, numbers.size, *(1,) * (axes - 2)) if numbers.size > 1 else ()
        table = editor.initializer(f"{name}/constant", numbers.reshape(shape).astype(np.float32))
        node = editor.node(op_type, [value, table], f"{name}/{op_type}", dtype=ir.DataType.FLOAT)
        node.outputs[0].shape = chain[-1].outputs[0].shape
        nodes.append(node)
        value = node.outputs[0]
    supersede(chain[-1], *nodes)
    _drop(chain[:-1])


def _drop(nodes: list[ir.Node]) -> None:
    for node in reversed(nodes):
        if node.graph is not None:
            node.graph.remove(node, safe=True)


def _affine(node: ir.Node) -> Affine | None:
    """Return what a sum or product with a constant does to float maps, or None for others."""
    data = _data(node)
    found = None if data is None else affine_of(node, data, rank(data) or 0)
    if found is None or not (np.isfinite(found.gain).all() and np.isfinite(found.offset).all()):
        return None
    return found


def _data(node: ir.Node) -> ir.Value | None:
    """Return the operand of a sum or product that is no constant, where the other one is."""
    if len(node.inputs) != 2:
        return None
    first, second = node.inputs
    if first is None or second is None or is_constant(first) == is_constant(second):
        return None
    data = second if is_constant(first) else first
    return data if data.dtype is ir.DataType.FLOAT and (rank(data) or 0) >= 3 else None


def _bias(conv: ir.Node) -> Floats | None:
    """Return the bias ``[O]`` of a convolution, or zeros; None where it is computed."""
    weight = constant(conv.inputs[1])
    value = bias_of(conv)
    if value is None:
        return None if weight is None else np.zeros(len(weight))
    array = constant(value)
    return None if array is None else array.astype(np.float64)


def _pads(conv: ir.Node) -> bool:
    automatic = conv.attributes.get_string("auto_pad", "NOTSET")
    return automatic not in ("NOTSET", "VALID") or any(ints_attribute(conv, "pads") or ())
