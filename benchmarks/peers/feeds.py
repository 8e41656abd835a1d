"""Calibration data in a form that every tool can read: one .npz file for each feed.

Reading needs NumPy alone, since it happens in the tools' own environments.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Feed = dict[str, NDArray[np.generic]]


def write_feed(folder: Path, index: int, feed: Feed) -> None:
    """Add the feed with this number."""
    np.savez(folder / f"{index:06}.npz", allow_pickle=False, **feed)


def read_feeds(folder: str) -> Iterator[Feed]:
    """Yield the feeds in order; every axis of the inputs is there."""
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path) as arrays:
            yield dict(arrays)


class FeedReader:
    """The feeds as onnxruntime's CalibrationDataReader gives them, with ModelOpt's additions."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.rewind()

    def rewind(self) -> None:
        """Begin again."""
        self._feeds = read_feeds(self._folder)

    def get_first(self) -> Feed:
        """Return the first feed, whatever was read before."""
        return next(read_feeds(self._folder))

    def get_next(self) -> Feed | None:
        """Return the next feed, None at the end."""
        return next(self._feeds, None)
