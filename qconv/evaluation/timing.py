"""How long one inference of each model takes, on feeds made of the first samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from qconv.data import check_batchable
from qconv.data.batching import batches
from qconv.data.source import Feeds, Sample, Source
from qconv.errors import UnsupportedError, UsageError
from qconv.memory import require_free
from qconv.progress import Progress
from qconv.reporting.runs import Latency, Timing
from qconv.runtime.latency import Session, measure_latency
from qconv.runtime.runner import FittedSession, Place
from qconv.specs import TensorSpec

WARMUP = 5
_FEEDS = 8
_MOST_SAMPLES = 64
_SAMPLE_BYTES = 32
"""What a sample of a batch takes beside its arrays."""


@dataclass(frozen=True)
class _Repeated:
    """A source that goes through the same samples over and over."""

    samples: Sequence[Sample]
    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> islice[Sample]:
        return islice(cycle(self.samples), self.length)


def first_samples(source: Source, batch: int | None) -> list[Sample]:
    """Return the samples that timed feeds are made of."""
    return list(islice(source, max(_FEEDS, batch or 0)))


def timed_feeds(
    samples: Sequence[Sample], specs: Sequence[TensorSpec], batch: int | None
) -> tuple[Feeds, ...]:
    """Return the feeds to time.

    Args:
        samples: the first of the data, at least one.
        specs: the model's inputs.
        batch: how many samples to join into one feed, repeated where there are fewer; None feeds
            them as they are.

    Raises:
        UsageError: the model takes no batches, or samples of differing shapes are to be joined.
        OutOfMemoryError: a batch does not fit into the memory that is free.
    """
    if batch is None:
        return tuple(sample.feeds for sample in samples[:_FEEDS])
    check_batchable(specs)
    size = sum(array.nbytes for array in samples[0].feeds.values()) + _SAMPLE_BYTES
    require_free(batch * size, f"a batch of {batch} samples")
    count = max(1, min(_FEEDS, _MOST_SAMPLES // batch))
    joined = batches(_Repeated(samples, count * batch), batch)
    feeds = tuple(each.feeds for each in joined if len(each) == batch)
    if not feeds:
        raise UsageError(
            f"the first samples differ in shape, so {batch} of them cannot form a batch",
            hint="time single samples, or give data of one shape",
        )
    return feeds


def measure_latencies(
    paths: Sequence[Path],
    place: Place,
    feeds: Sequence[Feeds],
    timing: Timing | None,
    progress: Progress,
) -> tuple[Latency | None, ...]:
    """Time the models in turns; None for each that is not timed or that the runtime cannot run.

    Where that is the float model, no speed-up is told.
    """
    if timing is None:
        return (None,) * len(paths)
    sessions = [_timed(path, place, timing.threads) for path in paths]
    running = [session for session in sessions if session is not None]
    found = measure_latency(running, feeds, timing.runs, timing.warmup, progress=progress)
    if sessions[0] is None:
        found = tuple(Latency(latency.median_ms, latency.p90_ms) for latency in found)
    measured = iter(found)
    return tuple(None if session is None else next(measured) for session in sessions)


def _timed(path: Path, place: Place, threads: int | None) -> Session | None:
    """Return what is timed; None where the runtime has no kernels, as for bfloat16."""
    try:
        return FittedSession(place.open(path, threads))
    except UnsupportedError:
        return None
