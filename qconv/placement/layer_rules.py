"""A plan with what the user says of layers by name or type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from qconv.errors import UsageError
from qconv.numerics.number_types import INT7, NumberType
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock, PerTensor, Scheme
from qconv.numerics.stored import STORED_TYPES
from qconv.placement.plan import Decisions, LayerPlan, Plan
from qconv.placement.stored_weights import Role, WeightOnlyPlan, WeightPlan
from qconv.recipe.layer_rule import FLOAT, LayerRule

D = TypeVar("D", bound=Decisions)

_TYPES: Mapping[str, NumberType] = {**STORED_TYPES, "int7": INT7}
_BLOCK, _SMALL_BLOCK, _TABLE_BLOCK = 128, 64, 32
"""Inputs that share a scale: from four bits on, of fewer, and at most in a table."""


def with_layer_rules(plan: D, rules: Sequence[LayerRule]) -> D:
    """Return a plan in which the first rule that is found in an operator says how it is stored.

    Raises:
        UsageError: a rule is found in no operator that it could change.
    """
    found = {
        node.node: rule
        for node in plan.quantized
        if (rule := _first(rules, [(node.node, node.op_type)])) is not None
    }
    own = {*plan.inputs, *plan.dynamic} if isinstance(plan, Plan) else plan.nodes.keys()
    floats = [name for name, rule in found.items() if rule.dtype == FLOAT and name in own]
    used = {found[name] for name in floats}
    changed: Decisions = plan.in_float(*floats)
    if isinstance(changed, Plan):
        layers = {name: _layer(layer, found.get(name)) for name, layer in changed.layers.items()}
        used |= {found[name] for name in changed.layers if name in found}
        changed = replace(changed, layers=layers)
    elif isinstance(changed, WeightOnlyPlan):
        rule_of = {weight.weight: _of_weight(weight, rules) for weight in changed.weights}
        used |= {rule for rule in rule_of.values() if rule is not None}
        weights = tuple(_weight(weight, rule_of[weight.weight]) for weight in changed.weights)
        changed = replace(changed, weights=weights)
    for rule in rules:
        if rule not in used:
            raise UsageError(
                f"`layers`: '{rule.pattern}' matches no operator that can be {rule.dtype}, or an "
                "earlier rule matches it first",
                hint="qconv inspect --json lists them; upper and lower case differ",
            )
    return changed  # type: ignore[return-value]  # a plan of the same kind


def _first(rules: Iterable[LayerRule], operators: Sequence[tuple[str, str]]) -> LayerRule | None:
    return next(
        (rule for rule in rules if any(rule.found_in(*operator) for operator in operators)), None
    )


def _layer(layer: LayerPlan, rule: LayerRule | None) -> LayerPlan:
    if rule is None or rule.dtype == FLOAT:
        return layer
    shares: Granularity = layer.weight_scheme.granularity
    if rule.share == "tensor":
        shares = PerTensor()
    elif rule.share == "channel":
        shares = layer.per_channel
    elif rule.share is not None:
        shares = PerBlock(rule.share)
    return replace(layer, weight_scheme=Scheme(_TYPES[rule.dtype], True, shares))


def _of_weight(weight: WeightPlan, rules: Sequence[LayerRule]) -> LayerRule | None:
    return _first(rules, [(reader.node, reader.op_type) for reader in weight.readers])


def _weight(weight: WeightPlan, rule: LayerRule | None) -> WeightPlan:
    if rule is None or rule.dtype == FLOAT:
        return weight
    dtype = _TYPES[rule.dtype]
    scheme = Scheme(dtype, symmetric=dtype.signed, granularity=_shares(weight, rule, dtype))
    return replace(weight, scheme=scheme)


def _shares(weight: WeightPlan, rule: LayerRule, dtype: NumberType) -> Granularity:
    if rule.share == "tensor":
        return PerTensor()
    if rule.share == "channel" or (rule.share is None and dtype.bits >= 8):
        return PerAxis(0)
    if rule.share is not None:
        return PerBlock(rule.share)
    asked = weight.scheme.granularity
    usual = _BLOCK if dtype.bits >= 4 else _SMALL_BLOCK
    size = asked.size if isinstance(asked, PerBlock) else usual
    return PerBlock(min(size, _TABLE_BLOCK) if weight.role is Role.TABLE else size)
