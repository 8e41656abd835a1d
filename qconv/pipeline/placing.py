"""What a conversion does to each operator, as target, settings and a given plan say."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from qconv.calibration.record import Record
from qconv.conversions.kinds import Kind
from qconv.placement.layer_rules import with_layer_rules
from qconv.placement.plan import Decisions
from qconv.placement.requirements import require_readable
from qconv.recipe.layer_rule import layer_rules
from qconv.recipe.settings import Float32Settings


@dataclass(frozen=True)
class Placed:
    """A model that is prepared for a kind of conversion, and the plan for it."""

    model: ir.Model
    plan: Decisions


def placed(
    kind: Kind, prepared: ir.Model, label: str, given: Decisions | None, record: Record | None
) -> Placed:
    """Place a prepared model; what settings say of layers changes the plan that is given.

    Raises:
        UsageError: the given plan, or what is said of layers, asks for what cannot be.
        UnsupportedError: the target cannot load the model.
    """
    texts = () if isinstance(kind.settings, Float32Settings) else kind.settings.layers
    if texts:
        model = kind.prepare(prepared, given)
        given = with_layer_rules(kind.place(model, given, record), layer_rules(texts))
    model = kind.prepare(prepared, given)
    require_readable(model, kind.target, label)
    return Placed(model, kind.place(model, given, record))
