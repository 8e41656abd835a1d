"""A chain of operators that ends in a float weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from qconv.numerics.layouts import Layout
from qconv.numerics.stored import StoredWeight
from qconv.rewrite.weights.shared_constants import Constants


def scales_of(weight: StoredWeight, name: str, constants: Constants) -> Chain:
    """Return the chain that gives the scales ``[R, nb]`` in float32, as the runtime folds it."""
    if not weight.half_scales:
        return Chain(constants.shared(name, weight.scale), name, constants)
    stored = constants.shared(name, weight.scale.astype(np.float16))
    return Chain(stored, name, constants).cast(ir.DataType.FLOAT)


class Chain:
    """Builds nodes one behind the other, each reading what the last one gave."""

    def __init__(self, start: ir.Value, name: str, constants: Constants) -> None:
        self.value = start
        self.nodes: list[ir.Node] = []
        self._name = name
        self._constants = constants

    def then(
        self,
        op_type: str,
        *others: ir.Value,
        dtype: ir.DataType = ir.DataType.FLOAT,
        first: ir.Value | None = None,
        attributes: Mapping[str, int | Sequence[int]] | None = None,
    ) -> Chain:
        """Append a node; the chain is its input 0, or 1 where ``first`` takes that place."""
        inputs = (self.value, *others) if first is None else (first, self.value, *others)
        name = f"{self._name}/{op_type.lower()}"
        node = self._constants.editor.node(
            op_type, inputs, name, dtype=dtype, shape=None, **(attributes or {})
        )
        self.nodes.append(node)
        self.value = node.outputs[0]
        return self

    def cast(self, dtype: ir.DataType) -> Chain:
        """Append a Cast."""
        return self.then("Cast", dtype=dtype, attributes={"to": int(dtype)})

    def reshape(self, *shape: int) -> Chain:
        """Append a Reshape."""
        return self.then("Reshape", self._constants.sizes(*shape))

    def columns(self, count: int) -> Chain:
        """Append a Slice to the first columns of a matrix."""
        sizes = self._constants.sizes
        return self.then("Slice", sizes(0), sizes(count), sizes(1))

    def weight_of(self, layout: Layout, dtype: ir.DataType) -> Chain:
        """Append what turns rows ``[R, K]`` into the weight, in its own floating-point type."""
        if not layout.is_plain:
            if layout.reordered != (layout.rows, layout.columns):
                self.reshape(*layout.reordered)
            self.then("Transpose", attributes={"perm": layout.inverse})
        last = layout.reordered if layout.is_plain else layout.split
        if layout.shape != (last if not layout.is_plain else (layout.rows, layout.columns)):
            self.reshape(*layout.shape)
        if dtype is not ir.DataType.FLOAT:
            self.cast(dtype)
        return self
