"""Run a float model and a quantized one side by side, and look at what layers read in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.calibration.observe import random_places
from qconv.calibration.vectors import USUAL, draw_vectors, vectors_per_sample
from qconv.calibration.walk import Piece, Values, Walk
from qconv.data import Source, batches
from qconv.data.sample_digests import sample_digests
from qconv.errors import ModelError, UnsupportedError
from qconv.numerics.threads import on_one_blas_thread
from qconv.observers.paired_moments import PairedMoments
from qconv.parallel import GATHERING, in_parallel, worker_count
from qconv.placement.inputs import LayerInput

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


@dataclass(frozen=True)
class _Sample:
    """What is held of one sample in both models; ``digest`` and ``origin`` tell which it is."""

    digest: str
    origin: str
    exact: Values
    quantized: Values

    @property
    def bytes(self) -> int:
        arrays = (*self.exact.values(), *self.quantized.values())
        return sum(array.nbytes for array in arrays)


class SideBySide:
    """A float model and a quantized one, whose layers are looked at one after the other.

    What the layers behind one read is held of each sample, as far as there is room, so that
    nothing is run twice.

    Args:
        model: the float model.
        quantized: a copy of it with Q/DQ, in which layers have kept their names.
        source: the samples.
        room: bytes that may be held.
    """

    def __init__(self, model: ir.Model, quantized: ir.Model, source: Source, room: float) -> None:
        self._walks = Walk(model), Walk(quantized)
        self._source, self._room = source, room
        self._held: list[_Sample] = []

    @on_one_blas_thread
    def look(
        self, layer: str, layer_input: LayerInput, outputs: int, unfinished: str
    ) -> PairedVectors:
        """Return what the layer of that name reads in both models.

        Args:
            layer: an operator of the main graph.
            layer_input: how its vectors are cut out of the value that it reads.
            outputs: O, the channels that the layer gives.
            unfinished: the first operator of the main graph that may still change; it may not
                stand before that of an earlier look.

        Raises:
            UnsupportedError: the runtime cannot load the quantized model, or it fails on a sample.
        """
        try:
            exact, quantized = (walk.piece(layer, unfinished) for walk in self._walks)
        except ModelError as error:
            raise UnsupportedError(f"{_BROKEN}: {error}") from error
        numbers = layer_input.groups * layer_input.size
        most = max(1, min(_KEPT // numbers, _KEPT_OUTPUTS // outputs) // len(self._source))
        limit = vectors_per_sample(layer_input, USUAL)
        hold = True

        def side(piece: Piece, values: Values, sample: _Sample) -> tuple[Vectors, Values]:
            array, later = _run(piece, values, sample.origin, hold=hold)
            return draw_vectors(array, layer_input, limit, random_places([sample.digest])), later

        def run(sample: _Sample) -> tuple[Vectors, Vectors, _Sample]:
            own, later = side(exact, sample.exact, sample)
            other, quantized_later = side(quantized, sample.quantized, sample)
            return own, other, _Sample(sample.digest, sample.origin, later, quantized_later)

        samples = self._samples()
        first = run(next(samples))
        hold = first[2].bytes * len(self._source) <= self._room
        moments, firsts, seconds, held = PairedMoments(), [], [], []
        rest = in_parallel(run, samples, worker_count(GATHERING))
        for index, (own, other, later) in enumerate(chain([first], rest)):
            if own.size:
                moments.update(own, other)
                step = max(1, -(-own.shape[1] // most))
                firsts.append(own[:, ::step].copy())
                seconds.append(other[:, ::step].copy())
            if hold and self._held:
                self._held[index] = later
            elif hold:
                held.append(later)
        if hold:
            self._held = self._held or held
            self._walks[0].advance(exact)
            self._walks[1].advance(quantized)
        return PairedVectors(moments, firsts, seconds)

    def _samples(self) -> Iterator[_Sample]:
        if self._held:
            yield from self._held
            return
        for batch in batches(self._source, 1):
            (digest,) = sample_digests(batch)
            yield _Sample(digest, batch.origins[0], batch.feeds, batch.feeds)


def _run(piece: Piece, values: Values, origin: str, *, hold: bool) -> tuple[Vectors, Values]:
    try:
        array, later = piece.run(values, hold=hold)
    except ModelError as error:
        raise UnsupportedError(f"{_BROKEN}: {origin}: {error}") from error
    return array.astype(np.float32, copy=False), later
