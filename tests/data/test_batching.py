from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.data import Sample, batches, check_batchable
from qconv.data.batching import parted_batches
from qconv.errors import DataError, UsageError
from tests.data.data_helpers import counting, refusal, spec


@dataclass(frozen=True)
class Listed:
    samples: Sequence[Sample]

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)


def text(lengths: Sequence[int]) -> Listed:
    """Return samples of one row each, whose number is in their values."""
    return Listed(
        [
            Sample({"x": np.full((1, length), index)}, index, f"s[{index}]")
            for index, length in enumerate(lengths)
        ]
    )


def test_one_sample_is_passed_on_untouched() -> None:
    source = text([3, 4])
    for sample, batch in zip(source, batches(source, 1), strict=True):
        assert batch.feeds is sample.feeds
        assert (batch.labels, batch.origins) == ((sample.label,), (sample.origin,))
        assert len(batch) == 1


def test_a_batch_ends_where_shapes_differ() -> None:
    found = list(batches(text([3, 3, 3, 5, 3]), 2))
    assert [batch.feeds["x"].shape for batch in found] == [(2, 3), (1, 3), (1, 5), (1, 3)]
    assert [batch.origins for batch in found] == [
        ("s[0]", "s[1]"),
        ("s[2]",),
        ("s[3]",),
        ("s[4]",),
    ]


@given(lengths=st.lists(st.integers(1, 3), max_size=20), size=st.integers(1, 6))
def test_batching_is_lossless(lengths: list[int], size: int) -> None:
    source = text(lengths)
    found = list(batches(source, size))
    assert all(1 <= len(batch) <= size for batch in found)
    assert [origin for batch in found for origin in batch.origins] == [s.origin for s in source]
    assert [label for batch in found for label in batch.labels] == [s.label for s in source]
    rows = [row for batch in found for row in batch.feeds["x"]]
    for row, sample in zip(rows, source, strict=True):
        np.testing.assert_array_equal(row, sample.feeds["x"][0])


def test_sizes_below_one_are_refused() -> None:
    message, _ = refusal(UsageError, lambda: batches(text([3]), 0))
    assert message == "the batch size is 0; it must be 1 or more"


def test_scalars_are_not_joined() -> None:
    samples = [Sample({"sr": counting()}, None, f"s[{i}]") for i in range(2)]
    assert refusal(DataError, lambda: list(batches(Listed(samples), 2))) == (
        "s[0]: input 'sr' has no axes to join samples along",
        "use a batch size of 1",
    )


def test_models_that_take_batches() -> None:
    check_batchable([spec("x", ("batch", 3)), spec("y", (None, 3)), spec("z", None)])


@pytest.mark.parametrize(
    ("shape", "shown", "reason"),
    [((), "[]", "has no axes"), ((2, "batch"), "[2, batch]", "has a fixed first axis")],
)
def test_models_that_take_none(shape: tuple[int | str, ...], shown: str, reason: str) -> None:
    call = lambda: check_batchable([spec("x", ("n", 3)), spec("state", shape)])  # noqa: E731
    assert refusal(UsageError, call) == (
        "samples cannot be joined into batches: "
        f"the model's input 'state', float32 {shown}, {reason}",
        "use a batch size of 1",
    )


@given(lengths=st.lists(st.integers(1, 2), max_size=20), size=st.integers(1, 6), odd=st.booleans())
def test_marked_samples_are_joined_apart(lengths: list[int], size: int, odd: bool) -> None:
    source = text(lengths)
    marked = set(range(odd, len(lengths), 2))
    found = list(parted_batches(source, size, marked))
    for kind in (True, False):
        told = [origin for batch, mark in found if mark is kind for origin in batch.origins]
        assert told == [f"s[{i}]" for i in range(len(lengths)) if (i in marked) is kind]
    assert all(1 <= len(batch) <= size for batch, _ in found)
