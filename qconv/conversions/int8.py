"""INT8: statistics and a Plan become integers, scales and Q/DQ nodes."""

from __future__ import annotations

import onnx_ir as ir

from qconv.algorithms.weights import WeightSettings, quantize_layers
from qconv.calibration.estimate import RangeSettings, estimate_params
from qconv.calibration.record import Record
from qconv.conversions.settings import Int8Settings
from qconv.conversions.tables import store_tables
from qconv.observers.estimators import Method
from qconv.placement.plan import Plan
from qconv.rewrite.qdq import rewrite_qdq


def to_int8(
    model: ir.Model, plan: Plan, record: Record, settings: Int8Settings
) -> tuple[Plan, Method, tuple[str, ...]]:
    """Quantize a prepared model in place.

    Returns:
        The plan with what became of embeddings, the range method that was used, and remarks.

    Raises:
        RecordError: the record lacks a value, or the histograms that the method needs.
    """
    method = settings.method
    if method == "auto" and record.depth == "ranges":
        method = "minmax"
    ranges = RangeSettings(method, settings.percentile)
    params = estimate_params(model, plan, record.statistics, ranges)
    weights = WeightSettings(settings.bias_correction, settings.portable, settings.reduce_range)
    layers = quantize_layers(model, plan, params, record.statistics, weights)
    rewrite_qdq(model, plan, params, layers)
    plan, remarks = store_tables(model, plan, settings.embeddings)
    return plan, method, remarks
