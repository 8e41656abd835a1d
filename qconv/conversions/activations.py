"""The type of activations in static INT8, and what comes with it."""

from __future__ import annotations

from dataclasses import replace

from qconv.numerics.number_types import INT8, INT16, UINT8
from qconv.numerics.schemes import PerTensor, Scheme
from qconv.placement.plan import Plan
from qconv.placement.targets import Target, find_target
from qconv.recipe.settings import Int8Settings

_SCHEMES = {
    "uint8": Scheme(UINT8, symmetric=False, granularity=PerTensor()),
    "int8": Scheme(INT8, symmetric=False, granularity=PerTensor()),
    "int16": Scheme(INT16, symmetric=True, granularity=PerTensor()),
}
_REMARKS = {
    "int8": "signed activations: on x64 CPUs ONNX Runtime is fast with uint8 alone; it converts "
    "int8 at run time, and computes in float where a value is read more than once",
    "int16": "16-bit activations: ONNX Runtime has no kernels for them on CPUs and computes in "
    "float, slower than the float model; the file is for hardware that has int16",
}


def with_activations(plan: Plan, dtype: str) -> Plan:
    """Return the plan with another type of activations."""
    scheme = _SCHEMES[dtype]
    values = {name: replace(value, scheme=scheme) for name, value in plan.values.items()}
    return replace(plan, values=values)


def target_of(plan: Plan, dtype: str) -> Target:
    """Return the target of a plan, with the type of activations, so that new plans have it."""
    return replace(find_target(plan.target), activation=_SCHEMES[dtype])


def warnings(dtype: str) -> tuple[str, ...]:
    """Return what is worth knowing about a type of activations."""
    return (_REMARKS[dtype],) if dtype in _REMARKS else ()


def suited(settings: Int8Settings) -> Int8Settings:
    """Return the settings with what their type of activations makes needless left out.

    In 16 bits a range costs nothing, so that nothing is clipped or smoothed unless asked for;
    products are computed in float, so that they cannot saturate and have no operator of their own.
    """
    if settings.activations != "int16":
        return settings
    return replace(
        settings,
        method="minmax" if settings.method == "auto" else settings.method,
        smooth="off" if settings.smooth == "auto" else settings.smooth,
        portable=False,
        format="qdq",
    )
