"""What a data source is: samples that fit a model's inputs, one feed at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qconv.specs import TensorSpec as TensorSpec

Array = NDArray[np.generic]
Feeds = Mapping[str, Array]


@dataclass(frozen=True)
class Sample:
    """One feed for the model, with its label where the data has one.

    ``feeds`` carries the model's own axes, the batch axis included (length 1 where the source
    holds single samples). ``origin`` names the place in the data, as errors print it:
    ``calib.npz[17]`` or ``images/0002.jpg``.
    """

    feeds: Feeds
    label: int | None
    origin: str


class Source(Protocol):
    """A re-iterable sequence of samples, already validated against the model's inputs.

    ``len()`` is known before the first sample is read. Iterating reads samples one at a time:
    memory does not grow with their number.
    """

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Sample]: ...
