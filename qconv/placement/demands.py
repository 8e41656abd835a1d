"""What a Plan has to obey beside its target: what the user asks for, and what data have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qconv.numerics.number_types import INT8, NumberType
from qconv.numerics.schemes import Scheme
from qconv.recipe.settings import Activations


@dataclass(frozen=True)
class Demands:
    """What is asked of a static INT8 Plan.

    Attributes:
        activations: the type of activations, in the target's words; None for its first.
        weights: the numbers that the weights of layers are rounded to.
        per_channel: whether each output channel of a weight has a scale of its own.
        kept: operators that stay float because the user wants it.
        layer_schemes: by the name of a layer, the scheme of its weight, where that is another one.
        value_schemes: by the name of a value, its scheme, where that is another one.
        unseen: branches that the data never took, as numbers of the model's subgraphs in order.
        lost: values that stay float since too many of their numbers would round to zero, each
            with that share.
    """

    activations: Activations | None = None
    weights: NumberType = INT8
    per_channel: bool = True
    kept: frozenset[str] = frozenset()
    layer_schemes: Mapping[str, Scheme] = field(default_factory=dict)
    value_schemes: Mapping[str, Scheme] = field(default_factory=dict)
    unseen: frozenset[int] = frozenset()
    lost: Mapping[str, float] = field(default_factory=dict)
