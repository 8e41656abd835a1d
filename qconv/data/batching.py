"""Several samples as one feed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qconv.data.input_checks import describe
from qconv.data.source import Array, Feeds, Sample, Source, TensorSpec
from qconv.errors import DataError, UsageError


@dataclass(frozen=True)
class Batch:
    """One feed made of samples that lie one after the other along axis 0.

    All its samples have the same shapes, so the rows of a batched output belong to them in equal
    parts. ``labels`` and ``origins`` have one entry per sample.
    """

    feeds: Feeds
    labels: tuple[int | None, ...]
    origins: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.origins)


def check_batchable(inputs: Sequence[TensorSpec]) -> None:
    """Refuse batches for a model whose first axes do not take any length.

    Raises:
        UsageError: an input has no first axis, or one of fixed length.
    """
    for spec in inputs:
        if spec.shape is not None and (not spec.shape or isinstance(spec.shape[0], int)):
            reason = "has no axes" if not spec.shape else "has a fixed first axis"
            raise UsageError(
                f"samples cannot be joined into batches: the model's input '{spec.name}', "
                f"{describe(spec)}, {reason}",
                hint="use a batch size of 1",
            )


def batches(source: Source, size: int) -> Iterator[Batch]:
    """Join up to ``size`` consecutive samples into one feed along axis 0.

    A batch ends early where the next sample has other shapes. Nothing is padded, dropped or
    reordered, and with ``size`` 1 the sample's own arrays are passed on. Whether the model
    takes batches is asked with ``check_batchable``.

    Raises:
        UsageError: ``size`` is below 1.
        DataError: an array without axes is to be joined.
    """
    if size < 1:
        raise UsageError(f"the batch size is {size}; it must be 1 or more")
    return (batch for batch, _ in parted_batches(source, size, ()))


def parted_batches(
    source: Source, size: int, marked: Collection[int]
) -> Iterator[tuple[Batch, bool]]:
    """Join samples as :func:`batches` does, those at the places ``marked`` apart from the others.

    Yields:
        Each batch, and whether its samples are marked ones.

    Raises:
        DataError: an array without axes is to be joined.
    """
    waiting: dict[bool, list[Sample]] = {True: [], False: []}
    for place, sample in enumerate(source):
        mark = place in marked
        pending = waiting[mark]
        if pending and _shapes(sample) != _shapes(pending[0]):
            yield _joined(pending), mark
            pending.clear()
        pending.append(sample)
        if len(pending) == size:
            yield _joined(pending), mark
            pending.clear()
    for mark, pending in waiting.items():
        if pending:
            yield _joined(pending), mark


def _shapes(sample: Sample) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in sample.feeds.items()}


def _joined(samples: Sequence[Sample]) -> Batch:
    feeds = samples[0].feeds
    if len(samples) > 1:
        feeds = {name: _stacked(name, samples) for name in feeds}
    return Batch(
        feeds,
        tuple(sample.label for sample in samples),
        tuple(sample.origin for sample in samples),
    )


def _stacked(name: str, samples: Sequence[Sample]) -> Array:
    arrays = [sample.feeds[name] for sample in samples]
    if arrays[0].ndim == 0:
        raise DataError(
            f"{samples[0].origin}: input '{name}' has no axes to join samples along",
            hint="use a batch size of 1",
        )
    return np.concatenate(arrays, axis=0)
