"""Which layers of a model lose most when they are quantized."""

from __future__ import annotations

import re
from dataclasses import replace

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.int8 import to_int8
from qconv.conversions.settings import Int8Settings
from qconv.data import Source
from qconv.evaluation.layers import layer_errors, ranked
from qconv.placement.plan import Plan
from qconv.progress import Progress


def worst_layers(
    prepared: ir.Model,
    plan: Plan,
    record: Record,
    settings: Int8Settings,
    source: Source,
    progress: Progress,
) -> tuple[str, ...]:
    """Return expressions for the ``settings.float_count`` layers with the largest error alone.

    The model is quantized once for that, with little effort, and nothing is written.
    """
    trial = prepared.clone()
    quick = replace(settings, effort="fast", algorithm="auto", float_count=0, embeddings="float")
    quick = replace(quick, equalize="off")
    to_int8(trial, plan, record, quick)
    errors = layer_errors(prepared, trial, source, progress=progress)
    layers = [error.name for error in ranked(errors) if error.name in plan.layers]
    return tuple(f"^{re.escape(name)}$" for name in layers[: settings.float_count])
