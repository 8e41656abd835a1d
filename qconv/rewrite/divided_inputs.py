"""Divide what products read by factors, and multiply their weights with them.

The division goes into constants of the operators before, where nothing else reads what they
give; elsewhere a Mul stands before the products alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.graph.edit import Editor, insert_after
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import constant, int_attribute, is_standard, name_of, rank, static_shape
from qconv.placement.plan import Plan
from qconv.rewrite.channels import divide_outputs, set_constant

Factors = NDArray[np.float32]
_Change = Callable[[], None]


def foldable(value: ir.Value, readers: Sequence[ir.Node]) -> bool:
    """Whether the operators before a value can take in a division of its channels."""
    return _plan_fold(value, readers, None) is not None


def fold_division(
    value: ir.Value, readers: Sequence[ir.Node], factors: Factors, editor: Editor
) -> tuple[str, ...]:
    """Let the operators before a value give ``value / factors``, which only ``readers`` read.

    Returns:
        The names of the values that are divided: this one and those on the way to it.
    """
    fold = _plan_fold(value, readers, (factors, editor))
    if fold is None:
        raise ValueError(f"nothing before {value.name} takes in factors")
    for change in fold.changes:
        change()
    return fold.values


def insert_division(
    value: ir.Value, readers: Sequence[ir.Node], factors: Factors, editor: Editor
) -> ir.Value:
    """Put a Mul between a value and some of its readers; return what it gives."""
    name = name_of(value)
    inverse = editor.initializer(f"{name}/smoothing", (1 / factors).astype(np.float32))
    product = editor.node(
        "Mul", [value, inverse], f"{name}/smoothed", dtype=value.dtype, shape=value.shape
    )
    insert_after(value, editor.graph, product)
    for reader in readers:
        reader.replace_input_with(0, product.outputs[0])
    return product.outputs[0]


def renamed(plan: Plan, old: str, new: str) -> Plan:
    """Return a plan in which layers read another value in the place of one."""
    value = replace(plan.values[old], name=new, params_from=new)
    values = {(new if name == old else name): kept for name, kept in plan.values.items()}
    layers = {
        name: replace(layer, input=new) if layer.input == old else layer
        for name, layer in plan.layers.items()
    }
    return replace(plan, values={**values, new: value}, layers=layers)


@dataclass(frozen=True)
class _Fold:
    """Changes that divide values, and the names of these."""

    values: tuple[str, ...] = ()
    changes: tuple[_Change, ...] = ()

    @classmethod
    def of(cls, value: ir.Value, own: Sequence[_Change], before: _Fold | None = None) -> _Fold:
        """Return what divides a value, behind what divides the one that it is made of."""
        first = before or cls()
        return cls((*first.values, name_of(value)), (*first.changes, *own))


def _plan_fold(
    value: ir.Value, readers: Sequence[ir.Node], work: tuple[Factors, Editor] | None
) -> _Fold | None:
    """Return the changes that divide a value, or None; without ``work`` they do nothing."""
    if value.is_graph_output() or {usage.node for usage in value.uses()} != set(readers):
        return None
    node = value.producer()
    if node is None or not is_standard(node) or value.graph is not node.graph:
        return None
    channels = (static_shape(value) or (None,))[-1]
    if channels is None:
        return None
    if node.op_type == "LayerNormalization":
        plain = int_attribute(node, "axis", -1) in (-1, (rank(value) or 0) - 1)
        others = [output for output in node.outputs[1:] if output.uses()]
        tables = [index for index in (1, 2) if len(node.inputs) > index and node.inputs[index]]
        fits = all(_fits(node.inputs[index], channels) for index in tables)
        return (
            _Fold.of(value, _divide(node, tables, work)) if plain and fits and not others else None
        )
    if node.op_type == "Mul":
        table = _table(node, channels)
        return None if table is None else _Fold.of(value, _divide(node, [table], work))
    if node.op_type == "Relu":
        return _behind(node.inputs[0], value, [], work)
    if node.op_type == "Add":
        table = _table(node, channels)
        if table is None or not _is_own(node.inputs[table]):
            return None
        return _behind(node.inputs[1 - table], value, _divide(node, [table], work), work)
    if operator_of(node).layer is Family.PRODUCT:
        linear = _plan_linear(node, channels, work)
        return None if linear is None else _Fold.of(value, linear)
    return None


def _behind(
    source: ir.Value | None,
    value: ir.Value,
    own: Sequence[_Change],
    work: tuple[Factors, Editor] | None,
) -> _Fold | None:
    """Return the changes that divide what an operator reads, and then its own."""
    node = value.producer()
    if source is None or node is None:
        return None
    before = _plan_fold(source, [node], work)
    return None if before is None else _Fold.of(value, own, before)


def _plan_linear(
    node: ir.Node, channels: int, work: tuple[Factors, Editor] | None
) -> list[_Change] | None:
    weight = node.inputs[1]
    sizes = static_shape(weight)
    if constant(weight) is None or weight is None or sizes is None or len(sizes) != 2:
        return None
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if not _is_own(weight) or not (bias is None or (_fits(bias, channels) and _is_own(bias))):
        return None
    if work is None:
        return []
    factors = work[0]
    return [lambda: divide_outputs(node, factors)]


def _divide(
    node: ir.Node, indices: Sequence[int], work: tuple[Factors, Editor] | None
) -> list[_Change]:
    """Return the changes that give a node other constants of one number a channel.

    Those that nothing else reads keep their names, by which a Plan knows the biases of layers.
    """
    if work is None:
        return []
    factors, editor = work

    def divide() -> None:
        for index in indices:
            old = node.inputs[index]
            array = constant(old)
            if old is not None and array is not None:
                divided = array.astype(np.float64) / factors
                if _is_own(old):
                    set_constant(old, divided)
                else:
                    new = divided.astype(array.dtype)
                    name = f"{name_of(old)}/smoothed"
                    node.replace_input_with(index, editor.initializer(name, new))

    return [divide]


def _table(node: ir.Node, channels: int) -> int | None:
    """Return which input is a constant of one number a channel."""
    return next((i for i, value in enumerate(node.inputs) if _fits(value, channels)), None)


def _is_own(value: ir.Value | None) -> bool:
    return value is not None and len(value.uses()) == 1


def _fits(value: ir.Value | None, channels: int) -> bool:
    array = constant(value)
    return array is not None and array.shape == (1,) * (array.ndim - 1) + (channels,)
