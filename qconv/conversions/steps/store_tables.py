"""Store embeddings in few bits: a step of every conversion to integers."""

from __future__ import annotations

from dataclasses import dataclass

from qconv.conversions.weights.weight_rounder import WeightRounder
from qconv.conversions.work import Knowing, P, Topic, Work
from qconv.numerics.number_types import NumberType
from qconv.numerics.schemes import PerAxis, PerBlock, Scheme
from qconv.numerics.stored import STORED_TYPES
from qconv.placement.stored_tables import place_tables, with_tables
from qconv.rewrite.weights.rewriter import rewrite_weights, stored_format

TABLE_BLOCK = PerBlock(32)
"""Numbers that share a scale in tables of fewer than eight bits."""


def table_type(embeddings: str, bits: int) -> NumberType | None:
    """Return the type of embeddings beside weights of so many bits, or None to leave them float."""
    if embeddings == "float":
        return None
    return STORED_TYPES[("int8" if bits == 8 else "int4") if embeddings == "auto" else embeddings]


def table_scheme(embeddings: str) -> Scheme | None:
    """Return how embeddings are stored beside operators of integers; None leaves them float."""
    dtype = table_type(embeddings, 8)
    if dtype is None:
        return None
    granularity = PerAxis(0) if dtype.bits == 8 else TABLE_BLOCK
    return Scheme(dtype, symmetric=True, granularity=granularity)


@dataclass(frozen=True)
class StoreTables(Knowing):
    """Store the tables that only Gather reads in few bits.

    It comes behind the rewriting of other weights: a table that a product reads too is then left
    to Gather alone. ``embeddings`` is ``auto`` (int8), ``int8``, ``int4`` or ``float``.
    """

    embeddings: str

    def apply(self, work: Work[P]) -> None:
        """Change the model, and say in the plan what became of each Gather.

        Raises:
            ModelError: a table holds NaN or Inf.
        """
        scheme = table_scheme(self.embeddings)
        if scheme is None:
            return
        tables = place_tables(work.model, work.plan.target, scheme)
        rounder = WeightRounder(work.model, lambda _: "mse", half_scales=True, known=work.stored)
        for table in tables.weights:
            rounder.round(table, {}, {})
        rewrite_weights(work.model, tables, rounder.weights, stored_format(work.plan.target))
        work.plan = with_tables(work.plan, tables, scheme.dtype.name)
        if count := len(tables.weights):
            plural = "s" * (count > 1)
            work.say(Topic.STORAGE, f"{count} embedding{plural} stored in {scheme.dtype.name}")
