"""Whether a change to a model left what it computes as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.errors import ModelError, UnsupportedError
from qconv.graph.model_io import model_to_bytes
from qconv.runtime.session import input_specs, open_session

_ROUNDING = 1e-3
"""Distance over size up to which a difference counts as rounding of float32."""


def compute_the_same(
    model: ir.Model, change: Callable[[], None], shapes: Mapping[str, tuple[int, ...]]
) -> bool:
    """Apply a change to a model, and tell whether its outputs stay the same but for rounding.

    Both are run on one feed of the given shapes, of random numbers for the float inputs and ones
    for the others. Where the model does not run on that, they do not count as the same.
    """
    before = _answer(model, shapes)
    change()
    after = _answer(model, shapes)
    if before is None or after is None:
        return False
    return all(_close(*pair) for pair in zip(before, after, strict=True))


def _answer(
    model: ir.Model, shapes: Mapping[str, tuple[int, ...]]
) -> list[NDArray[np.generic]] | None:
    random = np.random.default_rng(0)
    try:
        session = open_session(model_to_bytes(model), threads=1)
        feeds = {}
        for spec in input_specs(session):
            free = tuple(size if isinstance(size, int) else 1 for size in spec.shape or ())
            shape = shapes.get(spec.name, free)
            drawn = random.standard_normal(shape) if spec.dtype.kind == "f" else np.ones(shape)
            feeds[spec.name] = drawn.astype(spec.dtype)
        return [np.asarray(output) for output in session.run(None, feeds)]
    except (ModelError, UnsupportedError):
        return None


def _close(before: NDArray[np.generic], after: NDArray[np.generic]) -> bool:
    if before.shape != after.shape or before.dtype.kind != "f":
        return before.shape == after.shape and np.array_equal(before, after)
    finite = np.isfinite(before)
    if not np.array_equal(finite, np.isfinite(after)):
        return False
    exact, found = before[finite].astype(np.float64), after[finite].astype(np.float64)
    return bool(np.linalg.norm(found - exact) <= _ROUNDING * np.linalg.norm(exact))
