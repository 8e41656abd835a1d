"""INT8 without data: inputs of products and LSTM are quantized at run time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import onnx_ir as ir

from qconv.algorithms.rounding import storing
from qconv.conversions.dynamic_weights import quantize_dynamic
from qconv.conversions.embeddings import store_tables
from qconv.conversions.weight_rounder import WeightRounder
from qconv.errors import NothingQuantized
from qconv.numerics.number_types import INT8
from qconv.numerics.schemes import PerAxis
from qconv.placement.dynamic_layers import place_dynamic, place_stored
from qconv.placement.plan import Decisions, DynamicKind
from qconv.placement.stored_weights import Role
from qconv.recipe.settings import DynamicSettings
from qconv.rewrite.dynamic_operators import rewrite_dynamic
from qconv.rewrite.weights.rewriter import rewrite_weights

P = TypeVar("P", bound=Decisions)


def dynamic_model(
    model: ir.Model, settings: DynamicSettings, label: str
) -> tuple[Decisions, tuple[str, ...]]:
    """Convert a prepared model in place; return what became of its operators, and remarks.

    Raises:
        NothingQuantized: no operator has weights that could be integers.
    """
    plan = place_dynamic(model)
    write_dynamic(model, plan.dynamic, portable=settings.portable)
    decisions, stored = store_weights(model, plan, everywhere=True)
    decisions, tables = store_tables(model, decisions, settings.embeddings)
    remarks = (*stored, *tables)
    if not plan.dynamic and not remarks:
        reasons = Counter(f"{node.op_type}: {node.reason}" for node in decisions.kept_float)
        raise NothingQuantized(
            f"{label}: no operator has weights that can be quantized"
            + "".join(f"; {count} x {text}" for text, count in reasons.most_common(3))
        )
    return decisions, remarks


def write_dynamic(model: ir.Model, layers: Mapping[str, DynamicKind], *, portable: bool) -> None:
    """Write integer operators whose inputs are quantized at run time, in place.

    Raises:
        ModelError: a weight holds NaN or Inf.
    """
    rewrite_dynamic(model, layers, quantize_dynamic(model, layers, portable=portable))


def store_weights(model: ir.Model, plan: P, *, everywhere: bool) -> tuple[P, tuple[str, ...]]:
    """Store in INT8 what is left of float weights of layers, which compute in float, in place.

    ``everywhere`` takes them all; else it is those of recurrent layers and in bodies.

    The runtime unpacks them when it loads the model, so that only the file is smaller.

    Returns:
        The plan with what became of these layers, and remarks.
    """
    stored = place_stored(model, plan, everywhere=everywhere)
    rounding = {role: storing(INT8, PerAxis(0), "mse") for role in Role}
    rounder = WeightRounder(model, rounding, bias_correction=False)
    for weight in stored.weights:
        rounder.round(weight, {}, {})
    rewrite_weights(model, stored, rounder.weights, "operator")
    counts = Counter(reader.op_type for weight in stored.weights for reader in weight.readers)
    listed = ", ".join(f"{count} {op}" for op, count in counts.items())
    remarks = (f"weights of {listed} stored in int8, unpacked when the model is loaded",)
    decided = replace(plan, nodes={**plan.nodes, **stored.nodes})
    return decided, remarks if stored.weights else ()
