"""Embeddings in few bits: a step of every conversion to integers."""

from __future__ import annotations

from typing import TypeVar

import onnx_ir as ir

from qconv.algorithms.rounding import storing
from qconv.conversions.weight_rounder import WeightRounder
from qconv.numerics.number_types import NumberType
from qconv.numerics.schemes import PerAxis, PerBlock
from qconv.numerics.stored import STORED_TYPES
from qconv.placement.plan import Decisions
from qconv.placement.stored_tables import place_tables, with_tables
from qconv.placement.stored_weights import Role
from qconv.rewrite.weights.rewriter import rewrite_weights

P = TypeVar("P", bound=Decisions)

TABLE_BLOCK = PerBlock(32)
"""Numbers that share a scale in tables of fewer than eight bits."""


def table_type(embeddings: str, bits: int) -> NumberType | None:
    """Return the type of embeddings beside weights of so many bits, or None to leave them float."""
    if embeddings == "float":
        return None
    return STORED_TYPES[("int8" if bits == 8 else "int4") if embeddings == "auto" else embeddings]


def store_tables(model: ir.Model, plan: P, embeddings: str) -> tuple[P, tuple[str, ...]]:
    """Store the tables that only Gather reads in few bits, in place.

    To be called behind the rewriting of other weights: a table that a product reads too is then
    left to Gather alone.

    Args:
        model: a model whose other weights are written.
        plan: what was decided for its operators.
        embeddings: ``auto`` (int8), ``int8``, ``int4`` or ``float``.

    Returns:
        The plan with what became of each Gather, and remarks.

    Raises:
        ModelError: a table holds NaN or Inf.
    """
    dtype = table_type(embeddings, 8)
    if dtype is None:
        return plan, ()
    tables = place_tables(model, dtype.bits)
    granularity = PerAxis(0) if dtype.bits == 8 else TABLE_BLOCK
    rounding = {Role.TABLE: storing(dtype, granularity, "mse", half_scales=True)}
    rounder = WeightRounder(model, rounding, bias_correction=False)
    for table in tables.weights:
        rounder.round(table, {}, {})
    rewrite_weights(model, tables, rounder.weights, "operator")
    count = len(tables.weights)
    remarks = (f"{count} embedding{'s' * (count > 1)} stored in {dtype.name}",) if count else ()
    return with_tables(plan, tables, dtype.name), remarks
