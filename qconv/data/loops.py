"""Samples that a loop of the user's makes by running the model: recurrent state is real then."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from qconv.data.callables import FunctionReader, as_arrays, as_label, feed_and_label
from qconv.data.dataset import Dataset, Reader
from qconv.data.input_checks import fit
from qconv.data.source import Array, Feeds, Sample, Source, TensorSpec
from qconv.data.user_code import user_code
from qconv.data.user_function import Function
from qconv.errors import DataError

Run = Callable[[Feeds], Mapping[str, Array]]
"""Runs a model once: from feeds to its outputs, by name."""


@dataclass(frozen=True)
class Loop:
    """A function of the user's that takes ``run``, before it is known which model runs."""

    spec: str
    function: Callable[..., object]


class LoopData:
    """Data of which some parts are loops: a ``Source`` once it is bound to a model.

    Each model that is bound gets samples of its own, whose state it has carried itself.
    """

    def __init__(
        self, parts: Sequence[Reader | Loop], inputs: Sequence[TensorSpec], samples: int | None
    ) -> None:
        self._parts = parts
        self._inputs = inputs
        self._samples = samples
        self._lengths: dict[int, int] = {}

    def bound(self, run: Run) -> Dataset:
        """Return the samples of one model; the first model is run over all to count them.

        Raises:
            DataError: a function fails, yields nothing, or its first feed does not fit.
        """
        readers: list[Reader] = []
        for index, part in enumerate(self._parts):
            if not isinstance(part, Loop):
                readers.append(part)
                continue
            reader = LoopReader(part, self._inputs, run, self._lengths.get(index))
            self._lengths[index] = len(reader)
            readers.append(reader)
        return Dataset(readers, self._samples)


OpenData = Callable[[Sequence[TensorSpec]], Source | LoopData]
"""Opens data for the inputs of a model."""


def bind(data: Source | LoopData, run: Run) -> Source:
    """Return the samples, those of loops as the given model makes them."""
    return data.bound(run) if isinstance(data, LoopData) else data


class LoopReader(FunctionReader):
    """The samples of one loop with one model, in the order in which the loop runs it.

    A sample is what the loop last gave to ``run`` before it yielded; what it ran and did not
    yield is no sample.
    """

    again = "the loop must yield the same number of samples, whatever the model returns"

    def __init__(
        self, loop: Loop, inputs: Sequence[TensorSpec], run: Run, length: int | None
    ) -> None:
        """Count the samples with the model, unless their number is known.

        Raises:
            DataError: see :class:`FunctionReader`.
        """
        self._run = _CheckedRun(loop.spec, inputs, run)
        function = cast(Function, functools.partial(loop.function, run=self._run))
        super().__init__(loop.spec, inputs, function, length)

    def sample(self, item: object, index: int) -> Sample:
        """Return the sample that was run last, with the label that the loop yielded.

        Raises:
            DataError: the loop yielded something else than it ran last.
        """
        origin = f"{self.spec}[{index}]"
        with user_code(self.spec):
            feed, given = feed_and_label(item, origin)
            label = as_label(given, origin)
        if self._run.given is not feed:
            raise DataError(
                f"{origin}: yielded feeds that are not those it ran last",
                hint="outputs = run(feeds), then yield feeds, or (feeds, label), of the same dict",
            )
        return Sample(self._run.feeds, label, origin)


class _CheckedRun:
    """What the user's function gets as ``run``; it remembers what went in."""

    def __init__(self, spec: str, inputs: Sequence[TensorSpec], run: Run) -> None:
        self._spec = spec
        self._inputs = inputs
        self._run = run
        self.given: object = None
        self.feeds: Feeds = {}

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        """Run the model on one feed and return copies of its outputs by name.

        Raises:
            DataError: the feed does not fit the model.
        """
        if not isinstance(feeds, Mapping):
            raise DataError(
                f"{self._spec}: run was given {type(feeds).__name__}; "
                "it takes a dict (name -> array)"
            )
        where = f"{self._spec}: run"
        self.feeds = fit(as_arrays(feeds, self._inputs, where), self._inputs, where)
        self.given = feeds
        return {name: array.copy() for name, array in self._run(self.feeds).items()}
