"""Which layers of a model lose most when they are quantized."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import onnx_ir as ir

from qconv.calibration.estimate import estimate_params
from qconv.calibration.record import Record
from qconv.conversions.activations import suited
from qconv.conversions.int8 import fit_model, weight_settings
from qconv.conversions.rounded_layers import quantize_layers
from qconv.data import Source
from qconv.evaluation.output_errors import output_errors
from qconv.placement.plan import Plan
from qconv.progress import Progress
from qconv.recipe.settings import Int8Settings
from qconv.rewrite.qdq import rewrite_qdq


def worst_layers(
    prepared: ir.Model,
    plan: Plan,
    record: Record | None,
    settings: Int8Settings,
    source: Source,
    progress: Progress,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return expressions for the ``settings.float_count`` layers with the largest error alone.

    The error is that of :func:`output_errors`. The model is quantized once for that, with little
    effort, and nothing is written. Remarks come second: where there are fewer layers than that.
    """
    trial = prepared.clone()
    quick = suited(replace(settings, effort="fast", algorithm="auto"))
    fitted = fit_model(trial, plan, record, quick)
    plan, statistics, exact = fitted.plan, fitted.statistics, trial.clone()
    params = estimate_params(trial, plan, statistics, fitted.ranges)
    layers = quantize_layers(trial, plan, params, statistics, weight_settings(quick))
    rewrite_qdq(trial, plan, params, layers)
    errors = output_errors(exact, trial, plan, source, progress)
    worst = sorted(errors, key=lambda name: (_rank(errors[name]), name))[: settings.float_count]
    remarks = []
    if len(worst) < settings.float_count:
        total = len(plan.layers) + len(plan.dynamic)
        asked = f"{settings.float_count} should stay in float"
        remarks.append(f"{len(worst)} of {total} layers could be ranked, where {asked}")
    return tuple(f"^{re.escape(name)}$" for name in worst), tuple(remarks)


def _rank(sqnr: float) -> float:
    """Return the SQNR, and for one that is not known that of a layer without any error."""
    return math.inf if math.isnan(sqnr) else sqnr
