"""What the outputs of a model hold: classes, vectors, maps, boxes, states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from qconv.data.source import Array
from qconv.errors import UsageError
from qconv.recipe.tasks import OutputKind
from qconv.runtime.runner import Port

_EXACT = 1e-3
_HALF = 1e-2
_BOX = re.compile(r"box|bbox|\bloc")
_STATE_MARKS = ("out", "output", "new", "next", "n")


def output_kinds(
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    arrays: Mapping[str, Array],
    named: Mapping[str, OutputKind],
) -> dict[str, OutputKind]:
    """Return what each output holds: what was named, else what the first sample tells.

    - ``state``: it is named after an input of the same rank, as ``hn`` after ``h``, or ``present``
      after ``past``.
    - ``classes``: the last axis holds probabilities or their logarithms, as Softmax gives them.
    - ``boxes``: the last axis has four numbers, and the name says so.
    - ``map``: it has four axes or more.
    - ``vector``: anything else.

    Args:
        inputs: those of the model.
        outputs: likewise.
        arrays: what the float model gives for one sample.
        named: what the user says of outputs, by name.

    Raises:
        UsageError: the model has no such output.
    """
    known = [port.name for port in outputs]
    for name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(
                f"`output_kind` names '{name}', which is not an output of the model",
                hint=f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known)}",
            )
    return {
        port.name: named.get(port.name) or _kind(port, arrays[port.name], inputs)
        for port in outputs
    }


def _kind(port: Port, array: Array, inputs: Sequence[Port]) -> OutputKind:
    if any(_is_state(port, other) for other in inputs):
        return "state"
    if port.is_float and array.ndim >= 2 and is_distribution(array):
        return "classes"
    if array.shape[-1:] == (4,) and _BOX.search(port.name.lower()):
        return "boxes"
    return "map" if array.ndim >= 4 else "vector"


def is_distribution(array: Array) -> bool:
    """Whether rows ``[..., classes]`` are probabilities of two classes or more, or their logs.

    Each row sums up to 1 within a thousandth; in float16 within a hundredth.
    """
    if array.size == 0 or array.shape[-1] < 2:
        return False
    rows = array.reshape(-1, array.shape[-1]).astype(np.float64)
    if np.isnan(rows).any() or rows.max() > 1 + _EXACT:
        return False
    tolerance = _HALF if array.dtype == np.float16 else _EXACT
    if rows.min() < 0:
        if rows.max() > tolerance:
            return False
        rows = np.exp(rows)
    return bool((np.abs(rows.sum(axis=1) - 1) <= tolerance).all())


def _is_state(output: Port, port: Port) -> bool:
    if output.type != port.type or len(output.shape) != len(port.shape):
        return False
    mine, theirs = _plain(output.name), _plain(port.name)
    if "past" in theirs and mine == re.sub(r"past(keyvalues?)?", "present", theirs):
        return True
    named = {f"{theirs}{mark}" for mark in _STATE_MARKS} | {f"{m}{theirs}" for m in _STATE_MARKS}
    return mine in named


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
