"""The calibration record: statistics of one model on some data, tied to that model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from qconv.calibration.tables import joined_tables
from qconv.data import Feeds
from qconv.data.sample_digests import contents_of
from qconv.errors import RecordError
from qconv.graph.assume import shown
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics

_FEW = 32
_MERGE_FIELDS = ("model_fingerprint", "assumptions", "target", "depth")


@dataclass(frozen=True)
class Record:
    """Statistics of one model on some data.

    Attributes:
        model_fingerprint: SHA-256 of the float model.
        target: the target whose Plan chose the values.
        depth: what was collected, ``ranges``, ``histogram`` or ``full``.
        samples: a digest of each sample, which ends in that of its content alone.
        feed_shapes: the shapes of one feed, by input name, with which a result can be tried.
        statistics: by value name of the prepared model.
        grams: second moments of layers' inputs, by key.
        tools: versions of qconv and of the runtime that computed the values.
        assumptions: inputs that were fixed to constants, by name, as text.
        feeds: samples that were kept as they are, by digest.
    """

    model_fingerprint: str
    target: str
    depth: str
    samples: frozenset[str]
    feed_shapes: Mapping[str, tuple[int, ...]]
    statistics: Mapping[str, ValueStatistics]
    grams: Mapping[str, Gram]
    tools: Mapping[str, str]
    assumptions: Mapping[str, str] = field(default_factory=dict)
    feeds: Mapping[str, Feeds] = field(default_factory=dict)

    def __repr__(self) -> str:
        seen = f"{len(self.samples)} samples, {len(self.statistics)} values"
        return f"<Record of {self.depth} for {self.target}: {seen}, {len(self.grams)} moments>"

    @property
    def doubt(self) -> str | None:
        """What makes the statistics doubtful, if something does."""
        count = len(self.samples)
        if count >= _FEW:
            return None
        return (
            f"{count} sample{'s' * (count > 1)} for calibration: with fewer than {_FEW}, ranges "
            "may miss numbers that the model will meet"
        )

    def has(self, contents: Iterable[str]) -> int:
        """Return how many samples it has seen, of which digests of their contents are given."""
        known = contents_of(self.samples)
        return sum(content in known for content in contents)

    @property
    def data_fingerprint(self) -> str:
        """A hash of the set of samples, in hex."""
        return hashlib.sha256(_bytes("".join(sorted(self.samples)))).hexdigest()

    def require_model(
        self, fingerprint: str, label: str, assumptions: Mapping[str, str] | None = None
    ) -> None:
        """Refuse a record of another model, or of this one with other inputs assumed.

        Raises:
            RecordError: the fingerprints or the assumptions differ.
        """
        if self.model_fingerprint != fingerprint:
            raise RecordError(
                f"{label}: was made for another model "
                f"(it has {self.model_fingerprint[:12]}, this one is {fingerprint[:12]})",
                hint="run qconv calibrate on this model",
            )
        if dict(self.assumptions) != dict(assumptions or {}):
            raise RecordError(
                f"{label}: was made with {shown(self.assumptions)} assumed, "
                f"and this conversion assumes {shown(assumptions or {})}",
                hint="give calibrate and convert the same `assume`",
            )


def merge_records(records: list[Record]) -> Record:
    """Return the record of all samples together, to the bit what one pass would have given.

    That is so but for samples that are kept, as each record holds out its own, and all are kept;
    and for second moments, of which each record has those of its own samples.

    Raises:
        RecordError: the records differ in model or settings, or share samples.
    """
    first, *others = records
    merged = {name: ValueStatistics() for name in first.statistics}
    grams = {key: Gram() for key in first.grams}
    samples: frozenset[str] = frozenset()
    feeds: dict[str, Feeds] = {}
    for record in (first, *others):
        for name in _MERGE_FIELDS:
            ours, theirs = getattr(first, name), getattr(record, name)
            if ours != theirs:
                raise RecordError(
                    f"the records differ in {name.replace('_', ' ')}: '{ours}' and '{theirs}'"
                )
        shared = samples & record.samples
        if shared:
            raise RecordError(f"the records share {len(shared)} samples, which would count twice")
        samples |= record.samples
        feeds |= record.feeds
        for name, statistics in record.statistics.items():
            merged[name].merge(statistics)
        for key, gram in record.grams.items():
            grams[key].merge(gram)
    kept = {digest: feeds[digest] for digest in sorted(feeds)}
    return replace(first, samples=samples, statistics=merged, grams=grams, feeds=kept)


def record_hash(record: Record) -> str:
    """A hash of everything in the record that a conversion reads, in hex."""
    digest = hashlib.sha256(record.model_fingerprint.encode())
    digest.update(record.data_fingerprint.encode())
    for kept in record.feeds:
        digest.update(_bytes(kept))
    if record.assumptions:
        digest.update(json.dumps(dict(record.assumptions)).encode())
    for name, array in joined_tables(list(record.statistics.values())).items():
        digest.update(_bytes(name) + np.ascontiguousarray(array).tobytes())
    for key, gram in record.grams.items():
        for array in gram.to_arrays().values():
            digest.update(_bytes(key) + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _bytes(text: str) -> bytes:
    """Return a text in UTF-8, also what is no Unicode: a record of somebody else may hold it."""
    return text.encode(errors="surrogatepass")
