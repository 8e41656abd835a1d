"""Run a float model and a quantized one side by side, and look at what one layer reads in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.calibration.observe import random_places, sample_digests
from qconv.calibration.vectors import draw_vectors
from qconv.data import Batch, Source, batches
from qconv.errors import ModelError, UnsupportedError
from qconv.graph.model_io import model_to_bytes
from qconv.graph.prepare.unused import remove_unused
from qconv.numerics.threads import on_one_blas_thread
from qconv.observers.paired_moments import PairedMoments
from qconv.parallel import GATHERING, in_parallel, worker_count
from qconv.placement.inputs import LayerInput
from qconv.runtime.session import InferenceSession, open_session

Vectors = NDArray[np.float32]

_BROKEN = "the quantized model does not work, so its layers cannot be measured"
_KEPT, _KEPT_OUTPUTS = 1 << 23, 1 << 22
"""Numbers that are kept of each side, and those that the layer makes of them."""


@dataclass(frozen=True)
class PairedVectors:
    """What a layer reads: moments of all vectors, and some vectors of each sample.

    ``exact`` and ``quantized`` hold ``[G, p, K]`` for each sample that gives some, of the same
    places.
    """

    moments: PairedMoments
    exact: Sequence[Vectors]
    quantized: Sequence[Vectors]


@on_one_blas_thread
def pair_vectors(
    model: ir.Model,
    quantized: ir.Model,
    layer: str,
    layer_input: LayerInput,
    outputs: int,
    source: Source,
) -> PairedVectors:
    """Return what the layer of that name reads in both models.

    Args:
        model: the float model.
        quantized: a copy of it with Q/DQ, in which the layer has kept its name.
        layer: an operator of the main graph.
        layer_input: how its vectors are cut out of the value that it reads.
        outputs: O, the channels that the layer gives.
        source: the samples.

    Raises:
        UnsupportedError: the runtime cannot load the quantized model, or it fails on a sample.
    """
    try:
        sessions = [_reading(each, layer) for each in (model, quantized)]
    except ModelError as error:
        raise UnsupportedError(f"{_BROKEN}: {error}") from error
    numbers = layer_input.groups * layer_input.size
    kept = max(1, min(_KEPT // numbers, _KEPT_OUTPUTS // outputs) // len(source))

    def look(batch: Batch) -> tuple[Vectors, Vectors]:
        digests = sample_digests(batch)
        exact, rounded = (
            draw_vectors(_run(session, batch), layer_input, len(batch), random_places(digests))
            for session in sessions
        )
        return exact, rounded

    workers = worker_count(GATHERING)
    moments, firsts, seconds = PairedMoments(), [], []
    for exact, rounded in in_parallel(look, batches(source, 1), workers):
        if exact.size:
            moments.update(exact, rounded)
            step = max(1, -(-exact.shape[1] // kept))
            firsts.append(exact[:, ::step].copy())
            seconds.append(rounded[:, ::step].copy())
    return PairedVectors(moments, firsts, seconds)


def _run(session: InferenceSession, batch: Batch) -> Vectors:
    try:
        (array,) = session.run(None, dict(batch.feeds))
    except ModelError as error:
        raise UnsupportedError(f"{_BROKEN}: {batch.origins[0]}: {error}") from error
    result: Vectors = array
    return result


def _reading(model: ir.Model, layer: str) -> InferenceSession:
    """Return a session that gives what the layer reads."""
    cut = model.clone()
    value = next(node.inputs[0] for node in cut.graph if node.name == layer)
    if value is None:
        raise ValueError(f"{layer} reads nothing")
    cut.graph.outputs.clear()
    cut.graph.outputs.append(value)
    remove_unused(cut)
    return open_session(model_to_bytes(cut), threads=1, memory_pattern=False)
