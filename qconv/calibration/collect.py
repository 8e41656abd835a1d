"""Run the float model over data once, on all cores, and collect statistics of chosen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import onnx_ir as ir

from qconv.calibration.kept_samples import KeptSamples
from qconv.calibration.observe import Accumulator, Depth, Observation, Observer
from qconv.calibration.vectors import samples_to_multiply
from qconv.data import Batch, Feeds
from qconv.data.batching import parted_batches
from qconv.data.dataset import evenly_spread
from qconv.numerics.threads import on_one_blas_thread
from qconv.observers.gram import GatheredGram, Gram
from qconv.observers.value import ValueStatistics
from qconv.parallel import GATHERING, in_parallel, worker_count
from qconv.placement.inputs import LayerInput
from qconv.placement.plan import ValuePlan
from qconv.progress import Progress


@dataclass(frozen=True)
class Collected:
    """Statistics by value name, second moments by key, and what was seen.

    ``samples`` holds a digest of each sample, ``feed_shapes`` the shapes of the sample with the
    first digest, by input, ``feeds`` the samples that were kept, by digest: so the order of samples
    does not show.
    """

    statistics: Mapping[str, ValueStatistics]
    grams: Mapping[str, Gram]
    samples: frozenset[str]
    feed_shapes: Mapping[str, tuple[int, ...]]
    feeds: Mapping[str, Feeds]


@on_one_blas_thread
def collect(
    model: ir.Model,
    values: Sequence[ValuePlan],
    source: KeptSamples,
    *,
    depth: Depth,
    batch_size: int,
    progress: Progress,
    inputs: Sequence[LayerInput] = (),
    label: str = "the model",
) -> Collected:
    """Return the statistics of the given values, and the second moments of layers' inputs.

    All samples give statistics, and some of them, evenly spread, second moments, see
    :func:`samples_to_multiply`.

    Samples run in parallel, each on one thread, which uses the cores better than parallel
    operators do; statistics merge exactly, so neither the number of workers nor the order in
    which they finish changes the result. Second moments are added in the order of the samples by
    the calling thread, which one worker keeps busy where all samples give some: more would only
    hold memory. ``label`` is what errors call the model.

    Raises:
        ModelError, UnsupportedError: the runtime does not load the model.
        DataError: the model gives NaN or Inf; the message names value and sample.
    """
    first = next(iter(source))
    feed_shapes = {name: array.shape for name, array in first.feeds.items()}
    most = samples_to_multiply(model, inputs, feed_shapes)
    multiplied = frozenset(evenly_spread(len(source), most))
    observer = Observer(
        model,
        values,
        depth,
        feed_shapes,
        inputs=inputs,
        multiplied=max(1, len(multiplied)),
        label=label,
    )
    workers = 1 if len(multiplied) == len(source) else worker_count(GATHERING)
    free: SimpleQueue[Accumulator] = SimpleQueue()
    for _ in range(workers):
        free.put(observer.accumulator())

    def observe(part: tuple[Batch, bool]) -> Observation:
        batch, multiplies = part
        accumulator = free.get()
        try:
            return observer.observe(batch, accumulator, vectors=multiplies)
        finally:
            free.put(accumulator)

    grams = {layer_input.key: GatheredGram() for layer_input in inputs}

    shapes: dict[str, Mapping[str, tuple[int, ...]]] = {}

    def digests() -> Iterator[str]:
        parts = parted_batches(source, batch_size, multiplied)
        for observation in in_parallel(observe, parts, workers):
            for key in list(observation.vectors):
                grams[key].add(observation.vectors.pop(key))
            lowest = min((*shapes, *observation.digests))
            if lowest not in shapes:
                shapes.clear()
                shapes[lowest] = observation.shapes
            yield from observation.digests
        yield from source.held_out

    samples = frozenset(progress(digests(), len(source), _label(inputs)))
    statistics = free.get().statistics()
    for _ in range(workers - 1):
        for name, other in free.get().statistics().items():
            statistics[name].merge(other)
    rounded = {key: grams.pop(key).whole().rounded() for key in list(grams)}
    (sample_shapes,) = shapes.values()
    feeds = {digest: source.feeds[digest] for digest in sorted(source.feeds)}
    return Collected(statistics, rounded, samples, sample_shapes, feeds)


def _label(inputs: Sequence[LayerInput]) -> str:
    megabytes = round(sum(layer_input.bytes for layer_input in inputs) / 1e6)
    return f"calibrating, with {megabytes} MB of second moments" if megabytes else "calibrating"
