"""One inference of the float model, turned into statistics."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.calibration.vectors import draw_vectors, vectors_per_sample
from qconv.data import Batch
from qconv.data.sample_digests import PLACE, sample_digests
from qconv.errors import DataError, ModelError
from qconv.graph.model_io import model_to_bytes
from qconv.graph.probe import Probe, Request, add_probes
from qconv.observers.maps import MapStatistics
from qconv.observers.ranges import Range
from qconv.observers.value import NotFinite, ValueStatistics
from qconv.placement.inputs import LayerInput
from qconv.placement.plan import ValuePlan
from qconv.runtime.session import InferenceSession, open_session

Depth = Literal["ranges", "histogram", "full"]
Outputs = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Observation:
    """Digests of the samples of a batch, the shapes of one, and the vectors that layers read.

    Who reads the vectors may take them out: they are large.
    """

    digests: list[str]
    shapes: Mapping[str, tuple[int, ...]]
    vectors: dict[str, NDArray[np.float32]]


class Accumulator:
    """The statistics that one worker gathers."""

    def __init__(self, values: list[str], maps: Sequence[Probe], ranged: frozenset[str]) -> None:
        self.values = {name: ValueStatistics() for name in values}
        self.maps = MapStatistics(len(maps))
        self._probes = maps
        self._ranged = ranged

    def statistics(self) -> dict[str, ValueStatistics]:
        """Return what was gathered, by value."""
        for index, probe in enumerate(self._probes):
            low, high, means = self.maps.of(index)
            if not low.size:
                continue
            value = self.values[probe.value]
            value.range.merge(Range(float(low.min()), float(high.max())))
            value.means.merge(means)
            if probe.value in self._ranged:
                value.channels.widen(low, high)
        return self.values


class Observer:
    """Runs the probed model on batches. Several threads may share it.

    Second moments of ``inputs`` are taken of ``multiplied`` samples in all.
    """

    def __init__(
        self,
        model: ir.Model,
        values: Sequence[ValuePlan],
        depth: Depth,
        feed_shapes: Mapping[str, tuple[int, ...]],
        *,
        inputs: Sequence[LayerInput] = (),
        multiplied: int = 1,
        label: str = "the model",
    ) -> None:
        self._model = model
        self._inputs = inputs
        self._multiplied = multiplied
        self._axes = {value.name: (value.channel_axis, value.ranges_axis) for value in values}
        self._ranged = frozenset(v.name for v in values if v.ranges_axis is not None)
        self._histogram = depth != "ranges"
        requests = [self._request(value) for value in values]
        also = [layer_input.value for layer_input in inputs]
        probed = add_probes(model, requests, feed_shapes, also)
        self.maps = probed.maps
        self._whole = probed.whole
        self._session = open_session(
            model_to_bytes(probed.model), threads=1, memory="free", label=label
        )

    def accumulator(self) -> Accumulator:
        """Return empty statistics of all observed values."""
        names = [*self._whole, *(probe.value for probe in self.maps)]
        return Accumulator(names, self.maps, self._ranged)

    def observe(self, batch: Batch, into: Accumulator, *, vectors: bool) -> Observation:
        """Run one batch and add what it shows; return its samples' digests and ``vectors``.

        Raises:
            DataError: the model fails on the batch, or a value is NaN or Inf.
        """
        inputs = self._inputs if vectors else ()
        outputs = self._observe_values(into, batch, {own.value for own in inputs})
        digests = sample_digests(batch)
        random = random_places(digests)
        drawn = {
            own.key: draw_vectors(
                outputs[own.value],
                own,
                len(batch) * vectors_per_sample(own, self._multiplied),
                random,
            )
            for own in inputs
        }
        return Observation(digests, _sample_shapes(batch), drawn)

    def _observe_values(self, into: Accumulator, batch: Batch, also: Collection[str]) -> Outputs:
        """Add what the values show; return what was given out, of which ``also`` is part.

        No operator pools an empty map: batches with an empty feed are looked at in full.
        """
        pooled = all(array.size for array in batch.feeds.values())
        session = self._session if pooled else self._full_session
        names = self._read(session, also)
        outputs = run_float(session, names, batch) if names else {}
        for name in self._whole:
            self._observe_whole(into, name, outputs[name], batch)
        if self.maps and pooled:
            self._observe_maps(into, outputs, batch)
        elif self.maps:
            self._observe_full_maps(into, outputs, batch)
            samples = {p.value: outputs[p.value][p.positions] for p in self.maps if p.sample}
            self._observe_samples(into, samples)
        return outputs

    def _read(self, session: InferenceSession, also: Collection[str]) -> list[str]:
        """Return the outputs to read: what layers read costs most, and is not always asked for."""
        needed = {*self._whole, *also}
        if session is not self._session:
            needed.update(probe.value for probe in self.maps)
        beside = {own.value for own in self._inputs} - needed
        return [output.name for output in session.get_outputs() if output.name not in beside]

    def _request(self, value: ValuePlan) -> Request:
        ranged = value.params_from == value.name
        return Request(
            value.name,
            maps=value.maps,
            low=ranged and value.bounds[0] < 0,
            sample=ranged and (self._histogram or value.ranges_axis is not None),
        )

    def _observe_maps(self, into: Accumulator, outputs: Outputs, batch: Batch) -> None:
        highs = [outputs[probe.high] for probe in self.maps]
        lows = [
            np.zeros_like(high) if probe.negated_low is None else -outputs[probe.negated_low]
            for probe, high in zip(self.maps, highs, strict=True)
        ]
        if not into.maps.update(lows, highs, [outputs[probe.mean] for probe in self.maps]):
            names = [probe.value for probe in self.maps]
            self._observe_full_maps(into, run_float(self._full_session, names, batch), batch)
        self._observe_samples(into, {p.value: outputs[p.sample] for p in self.maps if p.sample})

    def _observe_full_maps(self, into: Accumulator, outputs: Outputs, batch: Batch) -> None:
        """Add the maps in full, for the rare feed that makes NaN, Inf, sentinels or empty maps."""
        for name in (probe.value for probe in self.maps):
            with _finite(name, batch):
                into.values[name].update_maps(outputs[name], ranges=name in self._ranged)

    def _observe_samples(self, into: Accumulator, samples: Outputs) -> None:
        for name, sample in samples.items():
            squares = name in self._ranged
            into.values[name].update_sample(sample, histogram=self._histogram, squares=squares)

    @cached_property
    def _full_session(self) -> InferenceSession:
        names = [*self._whole, *(probe.value for probe in self.maps)]
        requests = [Request(name, maps=False) for name in names]
        also = [layer_input.value for layer_input in self._inputs]
        probed = add_probes(self._model, requests, {}, also).model
        return open_session(model_to_bytes(probed), threads=1, memory="free")

    def _observe_whole(
        self, into: Accumulator, name: str, array: NDArray[np.float32], batch: Batch
    ) -> None:
        with _finite(name, batch):
            into.values[name].update(array, *self._axes[name], histogram=self._histogram)


def run_float(session: InferenceSession, names: Sequence[str], batch: Batch) -> Outputs:
    """Return the outputs of those names that a session of the float model gives for a batch.

    Raises:
        DataError: the model fails on the batch.
    """
    try:
        results = session.run(names, dict(batch.feeds))
    except ModelError as error:
        where = ", ".join(batch.origins)
        raise DataError(f"{where}: the float model fails: {error}") from error
    return dict(zip(names, results, strict=True))


@contextmanager
def _finite(name: str, batch: Batch) -> Iterator[None]:
    """Say of which value and samples something is not finite."""
    try:
        yield
    except NotFinite as error:
        raise DataError(
            f"{', '.join(batch.origins)}: the float model gives {error} at '{name}'",
            hint="a model whose inner values are not finite cannot be calibrated",
        ) from error


def _sample_shapes(batch: Batch) -> dict[str, tuple[int, ...]]:
    return {
        name: (len(array) // len(batch), *array.shape[1:]) if array.ndim else ()
        for name, array in batch.feeds.items()
    }


def random_places(digests: Sequence[str]) -> np.random.Generator:
    """Return a generator that the samples alone determine, not their order."""
    return np.random.default_rng(int("".join(digest[:PLACE] for digest in digests), 16))
