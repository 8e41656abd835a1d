"""What a changed plan asks for: how it differs from the one that placement makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from qconv.errors import UsageError
from qconv.numerics.number_types import INT4, INT7, INT8
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock, PerTensor, Scheme
from qconv.numerics.stored import STORED_TYPES
from qconv.placement.plan import Decisions, Plan
from qconv.placement.stored_weights import WeightOnlyPlan
from qconv.placement.targets.table import Target

P = TypeVar("P", bound=Decisions)

_LAYER_TYPES = (INT8, INT7, INT4)
_BLOCKS = (16, 32, 64, 128, 256)
_HINT = "change a plan of qconv.plan(model, settings), made for the same settings and target"


def of_kind(given: Decisions | None, kind: type[P], target: Target) -> P | None:
    """Return a plan if it is one of a kind, for a target.

    Raises:
        UsageError: it is one of another type of conversion, or for another target.
    """
    if given is None:
        return None
    if not isinstance(given, kind):
        raise UsageError(
            f"the plan is of the type {type(given).__name__}, but these settings take a "
            f"{kind.__name__}",
            hint=_HINT,
        )
    if given.target != target:
        raise UsageError(
            f"the plan is for the target {given.target.name}, but the conversion for {target.name}",
            hint=_HINT,
        )
    return given


def kept_by(given: Decisions | None, usual: Decisions) -> frozenset[str]:
    """Return the operators that a plan keeps in float, and that would be converted without it.

    Raises:
        UsageError: it is the plan of another model, or converts what stays float.
    """
    if given is None:
        return frozenset()
    if given.nodes.keys() != usual.nodes.keys():
        other = min(given.nodes.keys() ^ usual.nodes.keys())
        raise UsageError(
            f"the plan is not for this model and these settings: '{other}' is in only one of the "
            "two",
            hint=_HINT,
        )
    for name, node in given.nodes.items():
        if node.quantized and not usual.nodes[name].quantized:
            raise UsageError(
                f"the plan converts {node.op_type} '{name}', which stays float: "
                f"{usual.nodes[name].reason}"
            )
    return frozenset(node.node for node in usual.quantized if not given.nodes[node.node].quantized)


def require_origin(given: Plan, origin: Plan) -> None:
    """Refuse a plan that is changed in more than its schemes and what stays float.

    Args:
        given: the plan.
        origin: the one that was changed to it.

    Raises:
        UsageError: it names the field.
    """
    layers = {
        name: replace(layer, weight_scheme=origin.layers[name].weight_scheme)
        for name, layer in given.layers.items()
        if name in origin.layers
    }
    values = {
        name: replace(value, scheme=origin.values[name].scheme)
        for name, value in given.values.items()
        if name in origin.values
    }
    same = {
        "layers": len(layers) == len(given.layers) and layers == origin.layers,
        "values": len(values) == len(given.values) and values == origin.values,
        "inputs": given.inputs == origin.inputs,
        "dynamic": given.dynamic == origin.dynamic,
        "groups": given.groups == origin.groups,
        "too_fine": given.too_fine == origin.too_fine,
    }
    for name, unchanged in same.items():
        if not unchanged:
            raise UsageError(
                f"the plan is changed in `{name}` in a way that is not possible: only schemes, "
                "and whether an operator is quantized, may change",
                hint=_HINT,
            )


def layer_schemes(given: Plan, origin: Plan) -> dict[str, Scheme]:
    """Return the schemes of weights that a plan has changed, by layer.

    Raises:
        UsageError: no integer kernel of the target multiplies such a weight.
    """
    found = {
        name: layer.weight_scheme
        for name, layer in given.layers.items()
        if layer.weight_scheme != origin.layers[name].weight_scheme
    }
    for name, scheme in found.items():
        layer = origin.layers[name]
        rule = origin.target.rules[layer.op_type]
        types = [dtype.name for dtype in _LAYER_TYPES if dtype.name in (rule.weights or _names())]
        shares: list[Granularity] = [PerTensor()]
        shares += [layer.per_channel] if rule.per_channel else []
        if scheme.dtype.name not in types:
            raise UsageError(
                f"the weight of '{name}' is {scheme.dtype.name} in the plan; as a layer of "
                f"integers it takes {_either(types)}"
            )
        if not scheme.symmetric or scheme.granularity not in shares:
            raise UsageError(
                f"the weight of '{name}' is {_told(scheme)} in the plan; it takes symmetric ones, "
                f"{_either(map(_share, shares))}"
            )
    return found


def value_schemes(given: Plan, origin: Plan) -> dict[str, Scheme]:
    """Return the schemes of activations that a plan has changed, by value.

    Raises:
        UsageError: the target takes no such activations, or the value has those of another one.
    """
    allowed = origin.target.activations
    found = {}
    for name, value in given.values.items():
        if value.scheme == origin.values[name].scheme:
            continue
        if value.params_from != name:
            raise UsageError(
                f"'{name}' has scale and zero point of '{value.params_from}': change the scheme of "
                "that one"
            )
        if value.scheme not in allowed.values():
            raise UsageError(
                f"'{name}' is {value.scheme.dtype.name}, {_told(value.scheme)}, in the plan; "
                f"{origin.target.name} takes {_either(allowed)}, as its table has them"
            )
        found[name] = value.scheme
    return found


def stored_schemes(given: WeightOnlyPlan, usual: WeightOnlyPlan) -> Mapping[str, Scheme]:
    """Return the schemes of stored weights that a plan has changed, by the weight's name.

    Raises:
        UsageError: a weight is not one of the model, or cannot be stored like that.
    """
    known = {weight.weight: weight for weight in usual.weights}
    found = {}
    for weight in given.weights:
        before = known.get(weight.weight)
        if before is None or replace(weight, scheme=before.scheme) != before:
            raise UsageError(
                f"the plan is changed in the weight '{weight.weight}' in a way that is not "
                "possible: only its scheme may change",
                hint=_HINT,
            )
        if weight.scheme != before.scheme:
            _require_storable(weight.weight, weight.scheme)
            found[weight.weight] = weight.scheme
    if len(given.weights) < len(known):
        raise UsageError("the plan lacks weights: `in_float` keeps them float", hint=_HINT)
    return found


def _require_storable(name: str, scheme: Scheme) -> None:
    granularity = scheme.granularity
    if scheme.dtype not in STORED_TYPES.values():
        raise UsageError(
            f"the weight '{name}' is {scheme.dtype.name} in the plan; weights are stored in "
            f"{_either(STORED_TYPES)}"
        )
    if scheme.symmetric != scheme.dtype.signed:
        wanted = "symmetric" if scheme.dtype.signed else "not symmetric"
        raise UsageError(
            f"the weight '{name}' is {_told(scheme)} in the plan; it has to be {wanted}"
        )
    if isinstance(granularity, PerBlock) and granularity.size not in _BLOCKS:
        sizes = _either(map(str, _BLOCKS))
        raise UsageError(
            f"the weight '{name}' has {_share(granularity)} in the plan; it takes {sizes}"
        )
    if isinstance(granularity, PerAxis) and granularity.axis:
        raise UsageError(
            f"the weight '{name}' has {_share(granularity)}; it takes those of its rows, axis 0"
        )


def _names() -> tuple[str, ...]:
    return tuple(dtype.name for dtype in _LAYER_TYPES)


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)


def _told(scheme: Scheme) -> str:
    return (
        f"{'symmetric' if scheme.symmetric else 'not symmetric'} with {_share(scheme.granularity)}"
    )


def _share(granularity: Granularity) -> str:
    if isinstance(granularity, PerTensor):
        return "one scale"
    if isinstance(granularity, PerAxis):
        return f"a scale for each index of axis {granularity.axis}"
    return f"blocks of {granularity.size}"
