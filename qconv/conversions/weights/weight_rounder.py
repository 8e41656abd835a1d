"""Round weights to few bits, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.input_moment import input_moment
from qconv.algorithms.rounding import Rounding, round_weight, storing
from qconv.algorithms.rows import BY_MOMENTS, Method
from qconv.conversions.weights.finite import finite_weight
from qconv.graph.edit import Editor
from qconv.graph.view import constant
from qconv.numerics.layouts import Layout
from qconv.numerics.schemes import Granularity
from qconv.numerics.stored import StoredWeight
from qconv.observers.gram import Gram
from qconv.placement.stored_weights import WeightPlan, WeightReader
from qconv.rewrite.biases import shift_bias, takes_shift
from qconv.rewrite.weights.rewriter import Key

Known = dict[tuple[int, Layout, str, Granularity, Method, bool], tuple[object, StoredWeight]]
"""Rounded weights, each by the identity of the tensor, which is kept with it."""


class WeightRounder:
    """Rounds weights of a prepared model, and corrects biases for what that shifts.

    Args:
        model: the prepared model; biases change in place.
        method: gives the way that a weight is rounded.
        bias_correction: whether the shift ``W E[x] - Q(W) E[x]`` of a layer's output goes into
            its bias (arXiv 1906.04721, equation 17), where there is a place for it.
        half_scales: whether scales of whole rows of eight bits are float16 numbers, too.
        known: weights that were rounded before on nothing but their own numbers; what is rounded so
            now is added.

    Attributes:
        weights: the stored form of each weight, by graph and name.
        methods: how many weights were rounded by which method.
    """

    def __init__(
        self,
        model: ir.Model,
        method: Callable[[WeightPlan], Method],
        *,
        bias_correction: bool = False,
        half_scales: bool = False,
        known: Known | None = None,
    ) -> None:
        self.weights: dict[Key, StoredWeight] = {}
        self.methods: Counter[Method] = Counter()
        self._method = method
        self._half_scales = half_scales
        self._known = known
        self._bias_correction = bias_correction
        self._graphs = (model.graph, *model.graph.subgraphs())
        self._nodes = {str(node.name): node for node in model.graph}
        self._editor = Editor(model.graph)

    def round(
        self, weight: WeightPlan, grams: Mapping[str, Gram], exact: Mapping[str, Gram]
    ) -> None:
        """Round one weight.

        Args:
            weight: which.
            grams: second moments of what layers read, by node name.
            exact: those of the float model, where ``grams`` are of a partly quantized one.

        Raises:
            ModelError: the weight holds NaN or Inf.
        """
        value = self._value(weight)
        dtype, granularity = weight.scheme.dtype, weight.scheme.granularity
        how = storing(dtype, granularity, self._method(weight), half_scales=self._half_scales)
        shifted = [reader.node for reader in weight.readers if self._takes_shift(reader, grams)]
        moment = None
        if how.method in ("mse", *BY_MOMENTS):
            moment = _moment_of(weight, grams, centred=len(shifted) == len(weight.readers))
        stored = self._rounded(value, weight.layout, how, moment)
        self.weights[weight.graph, weight.weight] = stored
        self.methods[how.method_for(moments=moment is not None)] += 1
        for name in shifted:
            self._shift(name, weight, stored, grams[name], exact[name])

    def _rounded(
        self,
        value: ir.Value,
        layout: Layout,
        how: Rounding,
        moment: NDArray[np.float64] | None,
    ) -> StoredWeight:
        tensor = value.const_value
        key = (id(tensor), layout, how.dtype.name, how.granularity, how.method, how.half_scales)
        known = self._known if moment is None else None
        if known is not None and key in known:
            return known[key][1]
        stored = round_weight(layout.to_rows(finite_weight(value)), layout, how, moment)
        if known is not None:
            known[key] = tensor, stored
        return stored

    def tie(self, weight: WeightPlan) -> None:
        """Let a weight share the stored form of the one it is tied to."""
        if weight.tied_to is None:
            raise ValueError(f"{weight.weight} is tied to nothing")
        shared = self.weights[weight.graph, weight.tied_to]
        self.weights[weight.graph, weight.weight] = replace(shared, layout=weight.layout)

    def substitute(self, weight: WeightPlan) -> None:
        """Put what the stored form stands for in the place of the float weight."""
        value = self._value(weight)
        dtype = value.dtype or ir.DataType.FLOAT
        restored = self.weights[weight.graph, weight.weight].dequantized()
        value.const_value = ir.tensor(restored.astype(dtype.numpy()), name=value.name)

    def _value(self, weight: WeightPlan) -> ir.Value:
        return self._graphs[weight.graph].initializers[weight.weight]

    def _takes_shift(self, reader: WeightReader, grams: Mapping[str, Gram]) -> bool:
        node = self._nodes.get(reader.node)
        known = reader.node in grams and reader.index == 1
        return self._bias_correction and known and node is not None and takes_shift(node)

    def _shift(
        self, name: str, weight: WeightPlan, stored: StoredWeight, gram: Gram, exact: Gram
    ) -> None:
        array = constant(self._value(weight))
        if array is None:
            raise ValueError(f"{weight.weight} is not a constant")
        before, after = (
            np.einsum("gok,gk->go", rows.reshape(len(means), -1, means.shape[1]), means)
            for rows, means in (
                (weight.layout.to_rows(array.astype(np.float64)), exact.means()),
                (weight.layout.to_rows(stored.dequantized().astype(np.float64)), gram.means()),
            )
        )
        shift_bias(self._nodes[name], (before - after).reshape(-1), self._editor)


def _moment_of(
    weight: WeightPlan, grams: Mapping[str, Gram], *, centred: bool
) -> NDArray[np.float64] | None:
    if weight.graph or any(reader.index != 1 for reader in weight.readers):
        return None
    known = [grams.get(reader.node) for reader in weight.readers]
    return input_moment(known, (weight.layout.rows, weight.layout.columns), centred=centred)
