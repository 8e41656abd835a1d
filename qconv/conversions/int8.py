"""INT8: statistics and a Plan become integers, scales and Q/DQ nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import onnx_ir as ir

from qconv.algorithms.weights import WeightSettings, quantize_layers
from qconv.calibration.estimate import RangeSettings, estimate_params
from qconv.calibration.fit import fit_plan
from qconv.calibration.record import Record
from qconv.conversions.dynamic import store_weights, write_dynamic
from qconv.conversions.settings import Int8Settings
from qconv.conversions.tables import store_tables
from qconv.observers.estimators import Method
from qconv.placement.plan import Plan
from qconv.rewrite.qdq import rewrite_qdq


def to_int8(
    model: ir.Model, plan: Plan, record: Record | None, settings: Int8Settings
) -> tuple[Plan, Method, tuple[str, ...]]:
    """Quantize a prepared model in place; without a record, if the plan needs no ranges.

    Returns:
        The plan with what became of embeddings, the range method that was used, and remarks.

    Raises:
        RecordError: the record lacks a value, or the histograms that the method needs.
    """
    method = settings.method
    statistics = {} if record is None else record.statistics
    if method == "auto" and record is not None and record.depth == "ranges":
        method = "minmax"
    ranges = RangeSettings(method, settings.percentile)
    plan, statistics = fit_plan(model, plan, statistics, ranges)
    params = estimate_params(model, plan, statistics, ranges)
    weights = WeightSettings(settings.bias_correction, settings.portable, settings.reduce_range)
    layers = quantize_layers(model, plan, params, statistics, weights)
    rewrite_qdq(model, plan, params, layers)
    write_dynamic(model, plan.dynamic, portable=settings.portable)
    plan, stored = store_weights(model, plan, everywhere=False)
    plan, tables = store_tables(model, plan, settings.embeddings)
    return plan, method, (*_remarks(plan), *stored, *tables)


def _remarks(plan: Plan) -> Iterator[str]:
    if plan.dynamic:
        counts = Counter(plan.nodes[name].op_type for name in plan.dynamic)
        listed = ", ".join(f"{count} {op}" for op, count in counts.items())
        yield f"inputs quantized at run time: {listed}"
    if plan.unseen:
        branches = "1 branch" if plan.unseen == 1 else f"{plan.unseen} branches"
        yield f"{branches} of If nodes never taken by the calibration data"
