"""What a changed Plan asks for: how it differs from the one that placement makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from qconv.errors import UsageError
from qconv.numerics.number_types import INT4, INT7, INT8
from qconv.numerics.schemes import PerBlock, Scheme
from qconv.placement.plan import Decisions, Plan
from qconv.placement.stored_weights import WeightOnlyPlan

P = TypeVar("P", bound=Decisions)

_LAYER_TYPES = (INT8, INT7, INT4)


def of_kind(given: Decisions | None, kind: type[P]) -> P | None:
    """Return a plan if it is one of a kind.

    Raises:
        UsageError: it is one of another type of conversion.
    """
    if given is None or isinstance(given, kind):
        return given
    raise UsageError(
        f"the plan is a {type(given).__name__}, and these settings take a {kind.__name__}",
        hint="make it with the same settings: qconv.plan(model, settings)",
    )


def kept_by(given: Decisions | None, usual: Decisions) -> frozenset[str]:
    """Return the operators that a plan keeps in float, and that would be converted without it.

    Raises:
        UsageError: it is the plan of another model, or converts what stays float.
    """
    if given is None:
        return frozenset()
    if given.nodes.keys() != usual.nodes.keys():
        other = next(iter(given.nodes.keys() ^ usual.nodes.keys()))
        raise UsageError(f"the plan is one of another model: '{other}' is in one of the two alone")
    for name, node in given.nodes.items():
        if node.quantized and not usual.nodes[name].quantized:
            raise UsageError(
                f"the plan converts {node.op_type} '{name}', which stays float: "
                f"{usual.nodes[name].reason}"
            )
    return frozenset(name for name, node in given.nodes.items() if not node.quantized).intersection(
        node.node for node in usual.quantized
    )


def layer_schemes(given: Plan | None, usual: Plan) -> dict[str, Scheme]:
    """Return the schemes of weights that a plan has changed, by layer.

    Raises:
        UsageError: no kernel of 8-bit integers can multiply such a weight.
    """
    asked = {} if given is None else given.layers
    found = {
        name: layer.weight_scheme
        for name, layer in asked.items()
        if name in usual.layers and layer.weight_scheme != usual.layers[name].weight_scheme
    }
    for name, scheme in found.items():
        if scheme.dtype not in _LAYER_TYPES or isinstance(scheme.granularity, PerBlock):
            words = ", ".join(dtype.name for dtype in _LAYER_TYPES)
            raise UsageError(
                f"the weight of '{name}' is {scheme.dtype.name} in the plan; a layer that computes "
                f"in integers takes {words}, with one scale or one for each output channel"
            )
    return found


def value_schemes(given: Plan | None, usual: Plan) -> dict[str, Scheme]:
    """Return the schemes of activations that a plan has changed, by the value that gives the range.

    Raises:
        UsageError: the target takes no such activations.
    """
    allowed = usual.target.activations
    found = {}
    for name, value in ({} if given is None else given.values).items():
        if name in usual.values and value.scheme != usual.values[name].scheme:
            if value.scheme not in allowed.values():
                raise UsageError(
                    f"'{name}' is {value.scheme.dtype.name} in the plan; {usual.target.name} takes "
                    f"activations of {', '.join(allowed)}, as its table has them"
                )
            found[value.params_from] = value.scheme
    return found


def stored_schemes(given: WeightOnlyPlan | None, usual: WeightOnlyPlan) -> Mapping[str, Scheme]:
    """Return the schemes of stored weights that a plan has changed, by the weight's name."""
    known = {weight.weight: weight.scheme for weight in usual.weights}
    return {
        weight.weight: weight.scheme
        for weight in (() if given is None else given.weights)
        if weight.scheme != known.get(weight.weight)
    }
