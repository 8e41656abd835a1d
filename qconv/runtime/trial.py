"""Whether a model that was just made is valid and runs, before it takes its final name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir

from qconv.data.source import Feeds, Sample
from qconv.errors import ModelError, UnsupportedError
from qconv.graph.checking import check_model
from qconv.graph.model_io import (
    model_bytes,
    model_to_bytes,
    node_count,
    read_model,
)
from qconv.runtime.runner import Runner
from qconv.runtime.session import open_session

_RUN_LIMIT = 64_000_000
_SMALL = 1024
_OPTIMIZED_NODES = 5000


def require_running(
    path: Path,
    reference: Path,
    shapes: Mapping[str, tuple[int, ...]],
    assumed: Feeds | None = None,
) -> None:
    """Check a model, load it, and run it on zeros, or on ones where the float model needs them.

    An input may hold an index, a length or a divisor. Where even the float model fails on both
    zeros and ones, that the model loads has to do. Of a model above 64 MB the graph is loaded
    without its weights, so that trying it takes no more memory than making it. A model of more
    than 5,000 nodes runs as it is written, since the time that the runtime takes to optimize it
    grows faster than the number of nodes.

    Args:
        path: the model to try.
        reference: the float model that it was made from.
        shapes: the shape to feed, by input name.
        assumed: what inputs are fed with that the float model has and the other may lack.

    Raises:
        UnsupportedError: the checker or the runtime rejects the model, or it fails on a feed on
            which the float model runs.
    """
    try:
        _check(path, reference)
        if model_bytes(path) > _RUN_LIMIT:
            open_session(model_to_bytes(_without_weights(path)), threads=1)
        else:
            _run(path, reference, shapes, assumed)
    except (ModelError, UnsupportedError) as error:
        raise _fault(path, reference, error) from error


def require_valid(path: Path, reference: Path) -> None:
    """Check a model that this runtime has no kernels for.

    Raises:
        UnsupportedError: the checker rejects the model.
    """
    try:
        _check(path, reference)
    except ModelError as error:
        raise _fault(path, reference, error) from error


def _check(path: Path, reference: Path) -> None:
    """Run the ONNX checker, which may reject the float model too: for shapes that it declares."""
    try:
        check_model(path)
    except ModelError:
        if _passes(reference):
            raise


def _passes(path: Path) -> bool:
    try:
        check_model(path)
    except ModelError:
        return False
    return True


def _fault(path: Path, reference: Path, error: Exception) -> UnsupportedError:
    reason = str(error).replace(f"{path}: ", "", 1)
    return UnsupportedError(
        f"{reference}: the converted model does not work, and is not written: {reason}",
        hint="this is a fault of qconv or of the runtime; please report it with the model",
    )


def _without_weights(path: Path) -> ir.Model:
    """Return the model with its large weights as inputs: loading that needs no memory for them."""
    model = read_model(path)
    for name, value in list(model.graph.initializers.items()):
        if value.const_value is not None and value.const_value.nbytes > _SMALL:
            model.graph.initializers.pop(name)
            value.const_value = None
            model.graph.inputs.append(value)
    return model


def _feeds(runner: Runner, shapes: Mapping[str, tuple[int, ...]], number: int) -> Sample:
    feeds = {}
    for spec in runner.specs:
        free = tuple(size if isinstance(size, int) else 1 for size in spec.shape or ())
        feeds[spec.name] = np.full(shapes.get(spec.name, free), number, spec.dtype)
    return Sample(feeds, None, f"a feed of {'ones' if number else 'zeros'}")


def _run(
    path: Path,
    reference: Path,
    shapes: Mapping[str, tuple[int, ...]],
    assumed: Feeds | None,
) -> None:
    small = node_count(path) <= _OPTIMIZED_NODES
    runner = Runner.open(path, threads=1, optimization="all" if small else "none")
    for number in (0, 1):
        try:
            runner.run(_feeds(runner, shapes, number))
        except ModelError:
            if _runs(reference, shapes, number, assumed):
                raise
        else:
            return


def _runs(
    path: Path, shapes: Mapping[str, tuple[int, ...]], number: int, assumed: Feeds | None
) -> bool:
    try:
        runner = Runner.open(path, threads=1, assumed=assumed)
        runner.run(_feeds(runner, shapes, number))
    except ModelError:
        return False
    return True
