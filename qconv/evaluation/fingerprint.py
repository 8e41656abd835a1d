"""A hash that tells sets of data apart."""

from __future__ import annotations

import hashlib

import numpy as np

from qconv.data.source import Sample


class DataFingerprint:
    """SHA-256 of samples in their order: names, types, shapes and numbers of feeds, and labels."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def update(self, sample: Sample) -> None:
        """Add one sample."""
        for name, array in sorted(sample.feeds.items()):
            self._digest.update(repr((name, array.dtype.str, array.shape)).encode())
            self._digest.update(np.ascontiguousarray(array).data)
        self._digest.update(repr(sample.label).encode())

    @property
    def hexdigest(self) -> str:
        """The hash so far."""
        return self._digest.hexdigest()
