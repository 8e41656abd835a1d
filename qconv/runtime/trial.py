"""Whether a model that was just made is valid and runs, before it takes its final name."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from threading import Timer

import numpy as np
from onnxruntime import RunOptions

from qconv.data.source import Feeds, Sample
from qconv.errors import ModelError, QconvError, UnsupportedError
from qconv.free_memory import free_memory
from qconv.graph.model_io import model_bytes, model_files, node_count
from qconv.graph.validity import nodes_are_valid, require_as_valid
from qconv.memory import UNPACKED
from qconv.runtime.mapped import letting_go
from qconv.runtime.runner import Runner
from qconv.runtime.session import Optimization, takes_arrays
from qconv.specs import TensorSpec

_SMALL = 64_000_000
"""Bytes up to which a model, and what is computed from its constants, is held in copies."""
_SHARE = 4
"""A larger model is run if it is no larger than the free memory divided by this."""
_OPTIMIZED_NODES = 5000
_SECONDS = 20.0


def require_running(
    path: Path,
    reference: Path,
    shapes: Mapping[str, tuple[int, ...]],
    assumed: Feeds | None = None,
) -> None:
    """Check a model, load it, and run it on zeros, or on ones where the float model needs them.

    An input may hold an index, a length or a divisor. Where even the float model fails on both
    zeros and ones, or an input is no tensor of numbers that NumPy has, or all of them take more
    than 256 MB, that the model loads has to do. A model above 64 MB is loaded as it is written,
    with its weights mapped from their file, so that trying it takes no more memory than making it;
    and it is run where it is no larger than a quarter of the free memory. A model of more than
    5,000 nodes, too, runs as it is written, since the time that the runtime takes to optimize it
    grows faster than the number of nodes. A run that takes more than 20 s, as an endless loop does,
    is ended, and that the model loads has to do. The float model is run within the same limits,
    and one that is not, or not to its end, counts as one that fails.

    Args:
        path: the model to try.
        reference: the float model that it was made from.
        shapes: the shape to feed, by input name.
        assumed: what inputs are fed with that the float model has and the other may lack.

    Raises:
        ModelError: the runtime rejects the float model, too.
        UnsupportedError: the runtime does not load the model, or it fails on a feed on which the
            float model runs.
        QconvError: the checker rejects the model.
        OutOfMemoryError: the memory does not suffice to load or run it.
    """
    require_valid(path, reference, shapes, assumed)
    try:
        files = model_files(path)
        size = sum(file.stat().st_size for file in files)
        runner = _opened(path, size)
        if _fits(size):
            with letting_go(files):
                _run(runner, reference, shapes, assumed)
    except (ModelError, UnsupportedError) as error:
        _opened(reference, model_bytes(reference), assumed)
        raise UnsupportedError(
            f"{reference}: the converted model would not run, so it is not written: "
            f"{_reason(path, error)}"
        ) from error


def require_valid(
    path: Path,
    reference: Path,
    shapes: Mapping[str, tuple[int, ...]],
    assumed: Feeds | None = None,
) -> None:
    """Check a model, which this runtime may have no kernels for.

    What fails at every run of the float model may be seen by the checker once its constants are
    computed. So where that one fails on zeros and on ones, the shapes that the checker infers do
    not count.

    Args:
        path: the model to try.
        reference: the float model that it was made from.
        shapes: the shape to feed, by input name.
        assumed: what inputs are fed with that the float model has and the other may lack.

    Raises:
        ModelError: the runtime rejects the float model, too.
        QconvError: the checker rejects the model.
    """
    try:
        require_as_valid(path, reference)
    except ModelError as error:
        _opened(reference, model_bytes(reference), assumed)
        if nodes_are_valid(path) and _never_runs(reference, shapes, assumed):
            return
        raise QconvError(
            f"{reference}: the converted model is not valid, and is not written: "
            f"{_reason(path, error)}",
            hint="this is a bug in qconv; please report it with the model",
        ) from error


def _reason(path: Path, error: Exception) -> str:
    return str(error).replace(f"{path}: ", "", 1)


def _feeds(runner: Runner, shapes: Mapping[str, tuple[int, ...]], number: int) -> Sample:
    feeds = {}
    for spec in runner.specs:
        feeds[spec.name] = np.full(_fed_shape(spec, shapes), number, spec.dtype)
    return Sample(feeds, None, f"a feed of {'ones' if number else 'zeros'}")


def _fed_shape(spec: TensorSpec, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    free = tuple(size if isinstance(size, int) else 1 for size in spec.shape or ())
    return shapes.get(spec.name, free)


def _fed_bytes(runner: Runner, shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(spec.dtype.itemsize * prod(_fed_shape(spec, shapes)) for spec in runner.specs)


def _opened(path: Path, size: int, assumed: Feeds | None = None) -> Runner:
    if size > _SMALL:
        return Runner.open(path, threads=1, frugal=True, assumed=assumed)
    small = node_count(path) <= _OPTIMIZED_NODES
    optimization: Optimization = "all" if small else "none"
    return Runner.open(
        path, threads=1, optimization=optimization, assumed=assumed, largest_constant=_SMALL
    )


def _fits(size: int) -> bool:
    """Whether a model of this size may be run."""
    free = free_memory()
    return size <= _SMALL or (free is not None and size <= free // _SHARE)


def _run(
    runner: Runner, reference: Path, shapes: Mapping[str, tuple[int, ...]], assumed: Feeds | None
) -> None:
    if not takes_arrays(runner.session) or _fed_bytes(runner, shapes) > UNPACKED:
        return
    for number in (0, 1):
        try:
            _ends(runner, shapes, number)
        except ModelError:
            if _runs(reference, shapes, number, assumed):
                raise
        else:
            return


def _never_runs(path: Path, shapes: Mapping[str, tuple[int, ...]], assumed: Feeds | None) -> bool:
    runner = _opened(path, model_bytes(path), assumed)
    if not takes_arrays(runner.session) or _fed_bytes(runner, shapes) > UNPACKED:
        return False
    return not any(_runs(path, shapes, number, assumed) for number in (0, 1))


def _runs(
    path: Path, shapes: Mapping[str, tuple[int, ...]], number: int, assumed: Feeds | None
) -> bool:
    files = model_files(path)
    size = sum(file.stat().st_size for file in files)
    if not _fits(size):
        return False
    try:
        runner = _opened(path, size, assumed)
        with letting_go(files):
            return _ends(runner, shapes, number)
    except ModelError:
        return False


def _ends(runner: Runner, shapes: Mapping[str, tuple[int, ...]], number: int) -> bool:
    """Run a model, and return whether it came to its end in time.

    Raises:
        ModelError: it fails.
    """
    options = RunOptions()
    timer = Timer(_SECONDS, setattr, (options, "terminate", True))
    timer.start()
    try:
        runner.run(_feeds(runner, shapes, number), options)
    except ModelError:
        if options.terminate:
            return False
        raise
    finally:
        timer.cancel()
    return True
