"""Run the float model over data once and collect statistics of chosen values."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from queue import SimpleQueue
from typing import Literal

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray

from qconv.data.batching import Batch, batches
from qconv.data.source import Source
from qconv.errors import DataError
from qconv.graph.model_io import model_to_bytes
from qconv.graph.probe import Probe, Request, add_probes
from qconv.observers.statistic import SENTINEL
from qconv.observers.value import NotFinite, ValueStatistics
from qconv.placement.plan import Plan, ValuePlan
from qconv.progress import Progress
from qconv.runtime.session import open_session

Depth = Literal["ranges", "histogram"]
Statistics = dict[str, ValueStatistics]

_MAX_WORKERS = 8


@dataclass(frozen=True)
class Collected:
    """Statistics by value name, a digest of each sample, and the shapes of one feed by input."""

    statistics: Statistics
    samples: frozenset[str]
    feed_shapes: Mapping[str, tuple[int, ...]]


def collect(
    model: ir.Model,
    plan: Plan,
    source: Source,
    *,
    depth: Depth,
    batch_size: int,
    progress: Progress,
) -> Collected:
    """Return the statistics of every value that the Plan wants observed.

    Samples run in parallel, each on one thread, which uses the cores better than parallel
    operators do; statistics merge exactly, so neither the number of workers nor the order in
    which they finish changes the result.

    Raises:
        DataError: the model gives NaN or Inf; the message names value and sample.
    """
    first = next(iter(source))
    shapes = {name: array.shape for name, array in first.feeds.items()}
    requests = [_request(value, depth) for value in observed_values(plan)]
    probed, probes = add_probes(model, requests, shapes)
    collector = _Collector(model, probed, probes, plan, depth)
    digests = _in_parallel(collector.observe, batches(source, batch_size), collector.workers)
    samples = frozenset(progress(chain.from_iterable(digests), len(source), "calibrating"))
    return Collected(collector.statistics(), samples, shapes)


def observed_values(plan: Plan) -> tuple[ValuePlan, ...]:
    """The values that need statistics: those that give ranges, and the inputs of layers."""
    return tuple(
        value
        for value in plan.values.values()
        if not value.constant and (value.params_from == value.name or value.channel_axis is not None)
    )


def _request(value: ValuePlan, depth: Depth) -> Request:
    ranged = value.params_from == value.name
    return Request(
        value=value.name,
        maps=value.maps,
        low=ranged and value.bounds[0] < 0,
        mean=True,
        sample=ranged and depth == "histogram",
    )


@dataclass
class _Collector:
    model: ir.Model
    probed: ir.Model
    probes: tuple[Probe, ...]
    plan: Plan
    depth: Depth

    def __post_init__(self) -> None:
        self.workers = min(len(os.sched_getaffinity(0)), _MAX_WORKERS)
        self.session = open_session(model_to_bytes(self.probed), threads=1)
        self.outputs = [name for probe in self.probes for name in probe.outputs]
        self.free: SimpleQueue[Statistics] = SimpleQueue()
        for _ in range(self.workers):
            self.free.put({probe.value: ValueStatistics() for probe in self.probes})

    def observe(self, batch: Batch) -> list[str]:
        """Run one batch and add what it shows; return the digests of its samples."""
        arrays = dict(zip(self.outputs, self.session.run(self.outputs, dict(batch.feeds)), strict=True))
        statistics = self.free.get()
        try:
            for probe in self.probes:
                self._observe_value(statistics[probe.value], probe, arrays, batch)
            digests = _sample_digests(batch)
        finally:
            self.free.put(statistics)
        return digests

    def _observe_value(
        self,
        statistics: ValueStatistics,
        probe: Probe,
        arrays: Mapping[str, NDArray[np.float32]],
        batch: Batch,
    ) -> None:
        value = self.plan.values[probe.value]
        if probe.whole is not None:
            self._observe_whole(statistics, value, arrays[probe.whole], batch)
        elif not _ordinary(probe, arrays):
            self._observe_whole(statistics, value, self._whole(probe.value, batch), batch)
        else:
            _observe_map(statistics, value, probe, arrays)

    def _observe_whole(
        self,
        statistics: ValueStatistics,
        value: ValuePlan,
        array: NDArray[np.float32],
        batch: Batch,
    ) -> None:
        try:
            statistics.update(array, value.channel_axis, histogram=self.depth == "histogram")
        except NotFinite as error:
            where = ", ".join(batch.origins)
            raise DataError(
                f"{where}: the float model gives {error} at '{value.name}'",
                hint="a model whose inner values are not finite cannot be calibrated",
            ) from error

    def _whole(self, name: str, batch: Batch) -> NDArray[np.float32]:
        """Compute one value in full, for the rare feed whose summaries look odd."""
        request = Request(name, maps=False, low=False, mean=False, sample=False)
        probed, _ = add_probes(self.model, [request], {})
        session: ort.InferenceSession = open_session(model_to_bytes(probed), threads=1)
        array: NDArray[np.float32] = session.run([name], dict(batch.feeds))[0]
        return array

    def statistics(self) -> Statistics:
        """Merge what the workers have seen."""
        merged = self.free.get()
        for _ in range(self.workers - 1):
            for name, statistics in self.free.get().items():
                merged[name].merge(statistics)
        return merged


def _sample_digests(batch: Batch) -> list[str]:
    """Return a digest of each sample: of its origin and of its bytes."""
    digests = []
    for index, origin in enumerate(batch.origins):
        digest = hashlib.blake2b(origin.encode(), digest_size=12)
        for name, array in batch.feeds.items():
            rows = len(array) // len(batch) if array.ndim else 0
            own = array if len(batch) == 1 else array[index * rows : (index + 1) * rows]
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(own))
        digests.append(digest.hexdigest())
    return digests


def _ordinary(probe: Probe, arrays: Mapping[str, NDArray[np.float32]]) -> bool:
    """Whether a map is finite and free of sentinels; any NaN or Inf in it shows in its mean."""
    names = (probe.high, probe.negated_low, probe.mean)
    return all(bool((np.abs(arrays[name]) < SENTINEL).all()) for name in names if name is not None)


def _observe_map(
    statistics: ValueStatistics,
    value: ValuePlan,
    probe: Probe,
    arrays: Mapping[str, NDArray[np.float32]],
) -> None:
    if probe.high is not None:
        statistics.range.update(arrays[probe.high])
    if probe.negated_low is not None:
        statistics.range.update(-arrays[probe.negated_low])
    elif value.bounds[0] >= 0:
        statistics.range.update(np.zeros(1, np.float32))
    if probe.mean is not None and value.channel_axis is not None:
        means = arrays[probe.mean]
        statistics.means.update(means.reshape(means.shape[:2]))
    if probe.sample is not None:
        statistics.histogram.update(arrays[probe.sample])


def _in_parallel(
    work: Callable[[Batch], list[str]], items: Iterable[Batch], workers: int
) -> Iterator[list[str]]:
    """Yield the results of ``work`` in order, with a bounded number of items under way."""
    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[list[str]]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
