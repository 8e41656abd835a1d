"""Whether a model that was just made is valid and runs, before it takes its final name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qconv.data.source import Sample
from qconv.errors import ModelError, UnsupportedError
from qconv.graph.model_io import check_model
from qconv.runtime.runner import Runner
from qconv.runtime.session import input_specs


def require_running(path: Path, reference: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check a model, load it, and run it on zeros, or on ones where the float model needs them.

    An input may hold an index, a length or a divisor. Where even the float model fails on both
    zeros and ones, that the model loads has to do.

    Args:
        path: the model to try.
        reference: the float model that it was made from.
        shapes: the shape to feed, by input name.

    Raises:
        UnsupportedError: the checker or the runtime rejects the model, or it fails on a feed on
            which the float model runs.
    """
    try:
        check_model(path)
        _run(path, reference, shapes)
    except (ModelError, UnsupportedError) as error:
        reason = str(error).replace(f"{path}: ", "", 1)
        raise UnsupportedError(
            f"{reference}: the converted model does not work, and is not written: {reason}",
            hint="this is a fault of qconv or of the runtime; please report it with the model",
        ) from error


def _run(path: Path, reference: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    runner = Runner.open(path, threads=1)
    specs = input_specs(runner.session)
    for number in (0, 1):
        feeds = {spec.name: np.full(shapes[spec.name], number, spec.dtype) for spec in specs}
        sample = Sample(feeds, None, f"a feed of {'ones' if number else 'zeros'}")
        try:
            runner.run(sample)
        except ModelError:
            if _runs(reference, sample):
                raise
        else:
            return


def _runs(path: Path, sample: Sample) -> bool:
    try:
        Runner.open(path, threads=1).run(sample)
    except ModelError:
        return False
    return True
