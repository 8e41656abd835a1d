"""Digests of samples: of their places, and of what they hold wherever they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qconv.data.batching import Batch
from qconv.data.source import Feeds

PLACE, _CONTENT = 24, 16
"""Hexadecimal digits of the two parts of a sample's digest."""
_LOOKED_AT = 1024


def content_digest(feeds: Feeds) -> str:
    """Return a digest of a sample: names, types, shapes, and 1,024 numbers of each feed.

    Samples that agree in all of them, spread evenly, count as one.
    """
    digest = hashlib.sha256()
    for name, array in sorted(feeds.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        flat = array.reshape(-1)
        digest.update(np.ascontiguousarray(flat[:: max(1, flat.size // _LOOKED_AT)]).tobytes())
    return digest.hexdigest()[:_CONTENT]


def sample_digests(batch: Batch) -> list[str]:
    """Return a digest of each sample: of its file name, place and bytes; then of these alone.

    The second part is that of :func:`content_digest`.
    """
    digests = []
    for index, origin in enumerate(batch.origins):
        digest = hashlib.sha256(Path(origin).name.encode())
        feeds = {}
        for name, array in batch.feeds.items():
            rows = len(array) // len(batch) if array.ndim else 0
            feeds[name] = array if len(batch) == 1 else array[index * rows : (index + 1) * rows]
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(feeds[name]).data)
        digests.append(digest.hexdigest()[:PLACE] + content_digest(feeds))
    return digests


def contents_of(digests: Iterable[str]) -> frozenset[str]:
    """Return the digests of what samples hold; earlier versions of qconv did not note them."""
    return frozenset(digest[PLACE:] for digest in digests if len(digest) > PLACE)
