"""FP16, BF16 and FP32: another floating-point type for a whole model."""

from __future__ import annotations

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.errors import NothingQuantized
from qconv.graph.operators.table import casts
from qconv.graph.prepare import normalize
from qconv.graph.prepare.opset import raise_opset
from qconv.placement.plan import NodePlan, PrecisionPlan
from qconv.placement.precision import place_float32, place_precision
from qconv.recipe.settings import HalfSettings
from qconv.rewrite.float_types import store_bfloat16, to_float32, to_half

_BFLOAT16_OPSET = 22
"""From this opset on Conv, pooling and the recurrent operators take bfloat16."""

UNSEEN = (
    "no data were seen: a value beyond 65,504 would become infinite; `data`, or "
    "`calibration` with a record of `values=all`, keeps such values in float32"
)
"""What to say of a model in float16 whose values are not known."""


def half_model(
    model: ir.Model, record: Record | None, settings: HalfSettings, label: str
) -> tuple[ir.Model, PrecisionPlan, str]:
    """Convert a prepared model; return it with its plan and a note on what was done.

    Raises:
        UsageError: a pattern matches nothing.
        NothingQuantized: every operator keeps float32.
    """
    dtype = ir.DataType.FLOAT16 if settings.dtype == "fp16" else ir.DataType.BFLOAT16
    if settings.storage_only:
        return _stored(model, label)
    if dtype is ir.DataType.BFLOAT16:
        model = normalize(raise_opset(model, _BFLOAT16_OPSET))
    ranges = None
    if record is not None:
        ranges = {name: statistics.range for name, statistics in record.statistics.items()}
    keep_ports = settings.io == "fp32"
    plan = place_precision(model, dtype, ranges, settings.keep_float, keep_ports=keep_ports)
    if not plan.quantized:
        raise NothingQuantized(
            f"{label}: no operator can compute in {settings.dtype}",
            hint="a float64 model becomes float32 first, by `dtype=fp32`; "
            "qconv inspect shows the types that a model holds",
        )
    casts = to_half(model, plan, keep_ports=keep_ports)
    return model, plan, f"{casts} Casts added"


def float32_model(
    model: ir.Model, label: str, *, assumed: bool = False
) -> tuple[PrecisionPlan, str]:
    """Turn a prepared model of another floating-point type into float32, in place.

    With inputs ``assumed``, a model of float32 is worth writing too.

    Raises:
        NothingQuantized: the model holds float32 only.
    """
    plan = place_float32(model)
    if not plan.quantized and not assumed:
        raise NothingQuantized(f"{label}: it holds no float64, float16 or bfloat16")
    casts = to_float32(model, plan)
    return plan, f"{casts} Casts added"


def _stored(model: ir.Model, label: str) -> tuple[ir.Model, PrecisionPlan, str]:
    count = store_bfloat16(model)
    if not count:
        raise NothingQuantized(f"{label}: it has no float32 weights to store in bf16")
    reason = "only weights are stored in bfloat16"
    nodes = {
        str(node.name): NodePlan(str(node.name), node.op_type, False, reason)
        for node in model.graph
        if not casts(node)
    }
    return model, PrecisionPlan(nodes, ir.DataType.BFLOAT16), f"{count} weights stored in bfloat16"
