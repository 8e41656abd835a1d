"""A model in integers that is made quickly, to see what a decision costs at its outputs."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from qconv.calibration.estimate import RangeSettings, estimate_params
from qconv.conversions.steps.quantize_at_run_time import quantize_dynamic
from qconv.conversions.steps.round_weights import quantize_layers
from qconv.conversions.weights.shared_weights import WeightSettings
from qconv.errors import ModelError, UnsupportedError
from qconv.evaluation.judge import Judge, Judgement
from qconv.numerics.schemes import QParams
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import Plan
from qconv.rewrite.dynamic_operators import rewrite_dynamic
from qconv.rewrite.qdq import QuantizedLayer, rewrite_qdq

_ROUNDING = WeightSettings(bias_correction=True, portable=True, solver=None)


class Trial:
    """Writes a plan with different ranges, its weights rounded to nearest, and judges each.

    Args:
        judge: compares with the float model.
        model: the prepared model, which is left as it is.
        plan: what is quantized.
        statistics: of its values, by name.
    """

    def __init__(
        self,
        judge: Judge,
        model: ir.Model,
        plan: Plan,
        statistics: Mapping[str, ValueStatistics],
    ) -> None:
        self._judge = judge
        self._model = model
        self._plan = plan
        self._statistics = statistics
        self._layers: Mapping[str, QuantizedLayer] | None = None
        self._judged: dict[tuple[bytes, ...], Judgement | None] = {}

    def judge(self, ranges: RangeSettings) -> Judgement | None:
        """Return the errors at the outputs; None where they cannot be compared.

        Ranges that come to the same are tried once.

        Raises:
            RecordError, DataError: see :func:`estimate_params`.
        """
        params = estimate_params(self._model, self._plan, self._statistics, ranges)
        key = tuple(each.scale.tobytes() + each.zero_point.tobytes() for each in params.values())
        if key not in self._judged:
            self._judged[key] = self._judge_one(params)
        return self._judged[key]

    def _judge_one(self, params: Mapping[str, QParams]) -> Judgement | None:
        if self._layers is None:
            self._layers = quantize_layers(
                self._model, self._plan, params, self._statistics, _ROUNDING
            )
        variant = self._model.clone()
        rewrite_qdq(variant, self._plan, params, self._layers)
        dynamic = self._plan.dynamic
        rewrite_dynamic(variant, dynamic, quantize_dynamic(variant, dynamic, portable=True))
        try:
            return self._judge.judge(variant)
        except (ModelError, UnsupportedError):
            return None
