"""Round weights to few bits, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.input_moment import input_moment
from qconv.algorithms.rows import BY_MOMENTS, Method, RowSettings, quantize_rows
from qconv.errors import ModelError
from qconv.graph.edit import Editor
from qconv.graph.view import constant
from qconv.numerics.grids import QuantizedRows
from qconv.numerics.number_types import NumberType
from qconv.numerics.packing import pack
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock, PerTensor
from qconv.numerics.stored import StoredWeight
from qconv.observers.gram import Gram
from qconv.placement.weights import Role, WeightPlan, WeightReader
from qconv.rewrite.biases import shift_bias, takes_shift
from qconv.rewrite.weights.rewriter import Key

_CHUNK = 1 << 22
"""Weights that are rounded at a time, so that a large table needs little memory."""

_HALF_MIN, _HALF_MAX = 2.0**-14, 65504.0


@dataclass(frozen=True)
class Rounding:
    """How weights of one role are rounded.

    Attributes:
        dtype: the type.
        granularity: what shares a scale: the weight, each row of it, or each block of a row.
        method: how levels are found; ``gptq`` and ``adaround`` where second moments are known, else
            ``mse``, which weighs errors by them where they are.
        half_scales: whether scales of whole rows of eight bits are float16 numbers, too.
    """

    dtype: NumberType
    granularity: Granularity
    method: Method
    half_scales: bool = False

    def of_rows(self, columns: int, method: Method) -> RowSettings:
        """Return the same for rows of so many columns."""
        granularity = self.granularity
        if isinstance(granularity, PerBlock) and granularity.size >= columns:
            granularity = PerAxis(0)
        return RowSettings(self.dtype.grid, granularity, self.dtype.signed, method)


class WeightRounder:
    """Rounds weights of a prepared model, and corrects biases for what that shifts.

    Args:
        model: the prepared model; biases change in place.
        rounding: how, by role.
        bias_correction: whether the shift ``W E[x] - Q(W) E[x]`` of a layer's output goes into
            its bias (arXiv 1906.04721, equation 17), where there is a place for it.

    Attributes:
        weights: the stored form of each weight, by graph and name.
        methods: how many weights were rounded by which method.
    """

    def __init__(
        self, model: ir.Model, rounding: Mapping[Role, Rounding], *, bias_correction: bool
    ) -> None:
        self.weights: dict[Key, StoredWeight] = {}
        self.methods: Counter[Method] = Counter()
        self._rounding = rounding
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
        how = self._rounding[weight.role]
        shifted = [reader.node for reader in weight.readers if self._takes_shift(reader, grams)]
        gram = None
        if how.method in ("mse", *BY_MOMENTS):
            gram = _gram_of(weight, grams, centred=len(shifted) == len(weight.readers))
        method: Method = "mse" if how.method in BY_MOMENTS and gram is None else how.method
        stored = _stored(value, weight, how, method, gram)
        self.weights[weight.graph, weight.weight] = stored
        self.methods[method] += 1
        for name in shifted:
            self._shift(name, weight, stored, grams[name], exact[name])

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


def _gram_of(
    weight: WeightPlan, grams: Mapping[str, Gram], *, centred: bool
) -> NDArray[np.float64] | None:
    if weight.graph or any(reader.index != 1 for reader in weight.readers):
        return None
    known = [grams.get(reader.node) for reader in weight.readers]
    return input_moment(known, (weight.layout.rows, weight.layout.columns), centred=centred)


def _stored(
    value: ir.Value,
    plan: WeightPlan,
    how: Rounding,
    method: Method,
    gram: NDArray[np.float64] | None,
) -> StoredWeight:
    array = constant(value)
    if array is None:
        raise ValueError(f"{plan.weight} is not a constant")
    layout, dtype = plan.layout, how.dtype
    settings = how.of_rows(layout.columns, method)
    matrix = layout.to_rows(array)
    step = layout.rows if settings.shared or gram is not None else max(1, _CHUNK // layout.columns)
    packed, scales, zero_points = [], [], []
    for start in range(0, layout.rows, step):
        rows = np.ascontiguousarray(matrix[start : start + step], np.float32)
        if not np.isfinite(rows).all():
            raise ModelError(
                f"the weight '{plan.weight}' holds NaN or Inf",
                hint="the float model is broken; export it again",
            )
        found: QuantizedRows = quantize_rows(rows, settings, gram)
        packed.append(pack(dtype.codes(found.levels), dtype.bits))
        scales.append(found.scale)
        zero_points.append(found.zero_point)
    scale, zero_point = np.concatenate(scales), np.concatenate(zero_points)
    if settings.shared:
        scale, zero_point = scale[:1, :1], zero_point[:1, :1]
    granularity = settings.granularity
    if how.half_scales or (isinstance(granularity, PerBlock) and dtype.bits < 8):
        scale = _half(scale)
    return StoredWeight(
        dtype,
        layout,
        PerTensor() if scale.size == 1 else granularity,
        np.concatenate(packed),
        scale,
        None if dtype.signed else dtype.codes(zero_point),
    )


def _half(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round scales to float16 numbers, which take half the space, where all are in its range."""
    if scale.min() < _HALF_MIN or scale.max() > _HALF_MAX:
        return scale
    return scale.astype(np.float16).astype(np.float32)
