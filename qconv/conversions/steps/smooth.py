"""Smoothing as a step: which values are smoothed, in the model, its Plan and its statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx_ir as ir

from qconv.algorithms.smoothing import Product, Smoothing, WeightGrid, search_smoothing
from qconv.conversions.work import Knowing, Topic, Work
from qconv.graph.edit import Editor
from qconv.graph.layers import output_axis
from qconv.graph.view import constant
from qconv.numerics.number_types import INT8
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.plan import Plan, ValuePlan
from qconv.rewrite.channels import multiply_inputs
from qconv.rewrite.divided_inputs import (
    fold_division,
    foldable,
    insert_division,
    renamed,
)

Wanted = Literal["auto", "off"] | float

_LEAST_GAIN_DB = 0.5
_LEAST_GAIN_OF_A_PRODUCT_DB = 3.0
"""What a Mul of its own must gain: it costs up to two percent of the layers that it serves.

Measured on all-MiniLM-L6-v2: 23 of them gain 4 dB of the sentence vectors for 2 to 3 % of the time.
"""


@dataclass(frozen=True)
class Smooth(Knowing):
    """Even out the channels that products read: the range of large ones moves into the weights."""

    wanted: Wanted
    portable: bool

    def apply(self, work: Work[Plan]) -> None:
        """Change the model, its Plan, its statistics and its second moments alike."""
        found = smooth(
            *(work.model, work.plan, work.statistics, work.grams, self.wanted),
            portable=self.portable,
        )
        work.plan, work.statistics, work.grams = found.plan, found.statistics, found.grams
        work.scaled += found.values
        work.say(Topic.SCALING, *found.remarks)


@dataclass(frozen=True)
class Smoothed:
    """A smoothed model's Plan, statistics and second moments.

    ``values`` names the values that are others than those of the float model.
    """

    plan: Plan
    statistics: Mapping[str, ValueStatistics]
    grams: Mapping[str, Gram]
    values: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def smooth(
    model: ir.Model,
    plan: Plan,
    statistics: Mapping[str, ValueStatistics],
    grams: Mapping[str, Gram],
    wanted: Wanted,
    *,
    portable: bool,
) -> Smoothed:
    """Smooth what products read, in place.

    Args:
        model: the prepared model.
        plan: what is quantized in it.
        statistics: of its values, by name.
        grams: second moments of what its layers read, where there are some.
        wanted: ``off``, a number for the exponent of all values, or ``auto`` for the one of least
            predicted error for each, where that gains enough.
        portable: whether weights will be kept from saturating.
    """
    if wanted == "off":
        return Smoothed(plan, statistics, grams)
    exponent = None if wanted == "auto" else wanted
    asked = plan.demands
    paired = portable and asked.weights == INT8
    grid = WeightGrid(asked.weights.qmax, paired, not asked.per_channel)
    editor = Editor(model.graph)
    values = ir.convenience.create_value_mapping(model.graph)
    statistics, grams = dict(statistics), dict(grams)
    folded = inserted = 0
    divided: list[str] = []
    for value_plan in _candidates(plan):
        value = values[value_plan.name]
        if value.graph is not model.graph or value_plan.name not in statistics:
            continue
        readers = _layers_of(value, plan)
        found = _search(readers, statistics[value_plan.name], exponent, grid)
        if found is None:
            continue
        free = foldable(value, readers)
        least = _LEAST_GAIN_DB if free else _LEAST_GAIN_OF_A_PRODUCT_DB
        if exponent is None and found.gain_db < least:
            continue
        name = value_plan.name
        seen = statistics.pop(name).divided(found.factors)
        if free:
            divided += fold_division(value, readers, found.factors, editor)
            folded += 1
        else:
            new = str(insert_division(value, readers, found.factors, editor).name)
            plan, name = renamed(plan, name, new), new
            inserted += 1
        for reader in readers:
            multiply_inputs(reader, found.factors)
        statistics[name] = seen
        if value_plan.name in grams:
            grams[name] = grams.pop(value_plan.name).divided(found.factors)
    return Smoothed(plan, statistics, grams, tuple(divided), _remarks(folded, inserted))


def _candidates(plan: Plan) -> Iterator[ValuePlan]:
    """Values in float that products alone read in integers."""
    shared = {value.params_from for name, value in plan.values.items() if name != value.params_from}
    for value in plan.values.values():
        own = value.params_from == value.name and value.name not in shared
        if own and value.channel_axis == -1 and not value.emitted and not value.constant:
            yield value


def _layers_of(value: ir.Value, plan: Plan) -> list[ir.Node]:
    return [
        usage.node
        for usage in value.uses()
        if usage.idx == 0 and str(usage.node.name) in plan.layers
    ]


def _search(
    readers: list[ir.Node], statistics: ValueStatistics, exponent: float | None, grid: WeightGrid
) -> Smoothing | None:
    """Return the factors of a value; None where its weights serve others, or nothing is gained."""
    tables = [reader.inputs[1] for reader in readers]
    owners = {usage.node for table in tables if table is not None for usage in table.uses()}
    channels = statistics.channels
    weights = [
        np.moveaxis(array, output_axis(reader), 1).astype(np.float32, copy=False)
        for reader, table in zip(readers, tables, strict=True)
        if (array := constant(table)) is not None
    ]
    known = bool(weights) and len(weights[0]) == channels.low.size
    if not known or len(set(tables)) < len(readers) or owners != set(readers):
        return None
    return search_smoothing(channels, [Product(weight, grid) for weight in weights], exponent)


def _remarks(folded: int, inserted: int) -> tuple[str, ...]:
    if not folded + inserted:
        return ()
    where = [f"{folded} by the operator before"] * bool(folded)
    where += [f"{inserted} by a Mul"] * bool(inserted)
    count = folded + inserted
    inputs = "1 input" if count == 1 else f"{count} inputs"
    return (f"{inputs} of products smoothed: {', '.join(where)}",)
