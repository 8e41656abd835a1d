"""Fix inputs of a model to constants."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.errors import UsageError
from qconv.specs import TensorSpec

Array = NDArray[np.generic]

ASSUMED = "qconv.assumed"
"""Key of a written model's metadata that tells which inputs were fixed, as JSON."""

_BOOLS = {"true": True, "false": False, "1": True, "0": False}


def assumed_arrays(
    inputs: Sequence[TensorSpec], assumptions: Mapping[str, str], label: str
) -> dict[str, Array]:
    """Return what each assumed input is fixed to, in the input's own type and shape.

    Args:
        inputs: the model's inputs.
        assumptions: for each name one number, or several with commas between: ``16000``,
            ``1,2,3``, ``true``.
        label: the model, for messages.

    Raises:
        UsageError: there is no such input, or the value does not fit it.
    """
    specs = {spec.name: spec for spec in inputs}
    arrays = {}
    for name, text in assumptions.items():
        if name not in specs:
            known = ", ".join(f"'{other}'" for other in specs) or "none"
            raise UsageError(
                f"{label}: '{name}' cannot be assumed: the model has no such input",
                hint=f"its inputs: {known}",
            )
        arrays[name] = _array(specs[name], text, label)
    if specs and len(arrays) == len(specs):
        raise UsageError(f"{label}: all inputs are assumed; one must be left to feed")
    return arrays


def fix_inputs(model: ir.Model, arrays: Mapping[str, Array]) -> None:
    """Turn inputs into initializers of the given values, in place."""
    for value in list(model.graph.inputs):
        array = arrays.get(str(value.name))
        if array is None:
            continue
        model.graph.inputs.remove(value)
        value.const_value = ir.tensor(array, name=value.name)
        value.shape = ir.Shape(array.shape)
        model.graph.register_initializer(value)


def as_text(arrays: Mapping[str, Array]) -> dict[str, str]:
    """Return assumptions in the one form that records and metadata keep: ``sr -> 16000``."""
    return {
        name: ",".join(json.dumps(number) for number in array.reshape(-1).tolist())
        for name, array in sorted(arrays.items())
    }


def shown(assumptions: Mapping[str, str]) -> str:
    """Return ``sr=16000, mode=1,2``, or ``nothing``."""
    return ", ".join(f"{name}={text}" for name, text in assumptions.items()) or "nothing"


def _array(spec: TensorSpec, text: str, label: str) -> Array:
    words = [word.strip() for word in text.split(",")]
    numbers = [_number(word, spec, label) for word in words]
    shape = _shape(spec, len(numbers), label)
    return np.array(numbers, spec.dtype).reshape(shape)


def _number(word: str, spec: TensorSpec, label: str) -> bool | int | float:
    where = f"{label}: '{word}' cannot be assumed for the input '{spec.name}'"
    kind = spec.dtype.kind
    if kind == "b":
        if word.lower() not in _BOOLS:
            raise UsageError(f"{where}, which is bool: write true or false")
        return _BOOLS[word.lower()]
    if kind in "iu":
        try:
            whole = int(word)
        except ValueError:
            raise UsageError(f"{where}, which is {spec.dtype}: it is not a whole number") from None
        limits = np.iinfo(spec.dtype.name)
        if not limits.min <= whole <= limits.max:
            raise UsageError(f"{where}: {spec.dtype} holds {limits.min} to {limits.max}")
        return whole
    try:
        number = float(word)
    except ValueError:
        raise UsageError(f"{where}, which is {spec.dtype}: it is not a number") from None
    with np.errstate(over="ignore"):
        fits = np.isfinite(np.array(number).astype(spec.dtype))
    if not fits:
        raise UsageError(f"{where}: it is not finite in {spec.dtype}")
    return number


def _shape(spec: TensorSpec, count: int, label: str) -> tuple[int, ...]:
    """Return the input's shape, its one open axis as long as the numbers need."""
    axes = spec.shape
    if axes is None:
        return () if count == 1 else (count,)
    fixed = [axis for axis in axes if isinstance(axis, int)]
    product, free = int(np.prod(fixed, dtype=np.int64)), len(axes) - len(fixed)
    length = count // product if free and product else 1
    shape = tuple(axis if isinstance(axis, int) else length for axis in axes)
    if free > 1 and count == 1 and product == 1:
        return (1,) * len(axes)
    if free > 1 or int(np.prod(shape, dtype=np.int64)) != count:
        wanted = ", ".join(str(axis) if isinstance(axis, int) else axis or "?" for axis in axes)
        numbers = "1 number" if count == 1 else f"{count} numbers"
        raise UsageError(
            f"{label}: {numbers} cannot be assumed for the input '{spec.name}' of shape [{wanted}]",
            hint="write as many numbers as it holds, with commas between",
        )
    return shape
