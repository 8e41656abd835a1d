"""Write operators that quantize their inputs themselves, at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from qconv.algorithms.rounding import layer_rounding, round_weight
from qconv.algorithms.rows import Limits
from qconv.algorithms.saturation import kernel_order
from qconv.conversions.weights.finite import finite_weight
from qconv.conversions.work import Knowing, Work
from qconv.graph.view import all_nodes, int_attribute
from qconv.numerics.layouts import transposed
from qconv.numerics.number_types import INT8
from qconv.numerics.schemes import PerAxis
from qconv.numerics.stored import StoredWeight
from qconv.placement.plan import DynamicKind, DynamicPlan, Plan
from qconv.rewrite.dynamic_operators import WeightsByInput, rewrite_dynamic


@dataclass(frozen=True)
class QuantizeAtRunTime(Knowing):
    """Write integer operators whose inputs are quantized at run time.

    ``portable`` raises scales until 16-bit sums of adjacent products cannot saturate.
    """

    portable: bool

    def apply(self, work: Work[Plan] | Work[DynamicPlan]) -> None:
        """Change the model.

        Raises:
            ModelError: a weight holds NaN or Inf.
        """
        layers = work.plan.dynamic
        weights = quantize_dynamic(work.model, layers, portable=self.portable)
        rewrite_dynamic(work.model, layers, weights)


_ROUNDING = layer_rounding(PerAxis(0), INT8, None)


def quantize_dynamic(
    model: ir.Model, layers: Mapping[str, DynamicKind], *, portable: bool
) -> WeightsByInput:
    """Return the integer weights of each operator, by node name and input.

    Each output channel has a scale of its own. ``portable`` raises it until 16-bit sums of
    adjacent products cannot saturate; inputs use all of 0 to 255 here, too.

    Raises:
        ModelError: a weight holds NaN or Inf.
    """
    done: dict[tuple[ir.Value, bool], StoredWeight] = {}
    weights = {}
    for node in all_nodes(model):
        kind = layers.get(str(node.name))
        if kind is None:
            continue
        for index in (1, 2) if kind is DynamicKind.LSTM else (1,):
            value = node.inputs[index]
            if value is None:
                raise ValueError(f"{node.name}: it has no weight")
            by_row = kind is DynamicKind.LSTM or bool(int_attribute(node, "transB", 0))
            if (value, by_row) not in done:
                done[value, by_row] = _quantized(value, by_row=by_row, portable=portable)
            weights[str(node.name), index] = done[value, by_row]
    return weights


def _quantized(value: ir.Value, *, by_row: bool, portable: bool) -> StoredWeight:
    """Quantize ``[K, N]``, or with ``by_row`` ``[..., N, K]``; the result is ``[..., K, N]``."""
    array = finite_weight(value)
    weight = np.swapaxes(array, -1, -2) if by_row else array
    layout = transposed(weight.shape)
    order = kernel_order((layout.rows, layout.columns)) if portable else None
    return round_weight(layout.to_rows(weight), layout, _ROUNDING, limits=Limits(order=order))
