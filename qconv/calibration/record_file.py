"""The record on disk (.qcal).

A zip of ``manifest.json`` and one ``.npy`` per kind of array, the values' arrays one behind the
other with an offsets table; never a pickle. The same statistics give the same bytes. What is read
is asked for by its name, and its type and size are known before it is.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np

from qconv.calibration.observe import Depth
from qconv.calibration.record import Record
from qconv.calibration.tables import (
    Array,
    check_headers,
    check_tables,
    gram_table,
    joined_tables,
    parted_tables,
    table_names,
)
from qconv.codec import decode
from qconv.data.input_checks import format_shape
from qconv.data.npy import NpyHeader, read_npy_array
from qconv.data.npz_file import read_entry_header, zip_entries
from qconv.errors import RecordError, foreign
from qconv.files import require_regular
from qconv.memory import require_unpacked
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.strict_json import parse
from qconv.version import __version__

SCHEMA = 5
_MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FAST = 1
"""The level of compression: six takes twice the time for 4 % less."""
_MANIFEST_BYTES = 16_000_000
_MANIFEST_RATIO = 4
_MOST_VALUES = 200_000
_LARGEST_FEED = 1 << 31

Entries = Mapping[str, zipfile.ZipInfo]


@dataclass(frozen=True)
class _Manifest:
    qconv: str
    tools: Mapping[str, str]
    model: str
    data: str
    target: str
    statistics: str
    samples: tuple[str, ...]
    feed_shapes: Mapping[str, tuple[int, ...]]
    values: tuple[str, ...]
    inputs: tuple[str, ...]
    kept: tuple[str, ...]
    assumed: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> tuple[tuple[str, str, str], ...]:
        """The digest, the input and the name of the table of each array that was kept."""
        return tuple(
            (digest, name, f"sample.{index}.{place}")
            for index, digest in enumerate(self.kept)
            for place, name in enumerate(self.feed_shapes)
        )


def write_record(record: Record, path: Path) -> None:
    """Write a record; equal records give equal bytes."""
    manifest = {
        "schema": SCHEMA,
        "qconv": __version__,
        "tools": dict(record.tools),
        "model": record.model_fingerprint,
        "data": record.data_fingerprint,
        "assumed": dict(record.assumptions),
        "target": record.target,
        "statistics": record.depth,
        "samples": sorted(record.samples),
        "feed_shapes": {name: list(shape) for name, shape in record.feed_shapes.items()},
        "values": list(record.statistics),
        "inputs": list(record.grams),
        "kept": list(record.feeds),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        _write_entry(archive, _MANIFEST, json.dumps(manifest, indent=1).encode())
        for name, array in joined_tables(list(record.statistics.values())).items():
            _write_entry(archive, f"{name}.npy", _npy(array))
        for index, gram in enumerate(record.grams.values()):
            for name, array in gram.to_arrays().items():
                entry = f"{gram_table(index, name)}.npy"
                _write_entry(archive, entry, _npy(array), zipfile.ZIP_STORED)
        for index, feeds in enumerate(record.feeds.values()):
            for place, name in enumerate(record.feed_shapes):
                _write_entry(archive, f"sample.{index}.{place}.npy", _npy(feeds[name]))


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        RecordError: the file is missing, is not a record, is corrupt, or is of a newer schema.
        OutOfMemoryError: what it holds does not fit into the memory that is free.
    """
    if not path.exists():
        raise RecordError(f"{path}: no such file", hint="qconv calibrate makes a record")
    size = require_regular(path, "a calibration record", RecordError)
    with _readable(path), zipfile.ZipFile(path) as archive:
        entries = zip_entries(archive)
        manifest = _read_manifest(archive, entries, path)
        headers = _read_headers(archive, entries, manifest)
        unpacked = sum(header.nbytes for header in headers.values())
        require_unpacked(size, unpacked, f"{path}: the record", RecordError)
        tables = {
            name: _read_table(archive, entries[f"{name}.npy"], header)
            for name, header in headers.items()
        }
        return _restored(manifest, tables)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Tell why something is no record; zip, JSON and npy errors share no base class."""

    def told(error: Exception) -> RecordError:
        if isinstance(error, OSError):
            return RecordError(f"{path}: cannot be read: {error.strerror or error}")
        return RecordError(
            f"{path}: not a calibration record, or a corrupt one ({_reason(error)})",
            hint="run qconv calibrate again",
        )

    with foreign(told):
        yield


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _read_manifest(archive: zipfile.ZipFile, entries: Entries, path: Path) -> _Manifest:
    if _MANIFEST not in entries:
        raise RecordError(
            f"{path}: not a calibration record: it has no {_MANIFEST}",
            hint="qconv calibrate writes records; for samples use `data`",
        )
    entry = entries[_MANIFEST]
    if entry.file_size > max(_MANIFEST_BYTES, _MANIFEST_RATIO * entry.compress_size):
        raise ValueError(f"its {_MANIFEST} has {entry.file_size} bytes")
    content = parse(archive.read(entry))
    if not isinstance(content, dict):
        raise ValueError(f"its {_MANIFEST} is not an object")
    schema = content.pop("schema")
    if schema != SCHEMA:
        raise RecordError(
            f"{path}: has schema {schema!s:.20}; this qconv reads {SCHEMA}",
            hint="calibrate again, or use the qconv that wrote it",
        )
    manifest = decode(_Manifest, content, "manifest")
    _check_manifest(manifest)
    return manifest


def _check_manifest(manifest: _Manifest) -> None:
    for names in (manifest.values, manifest.inputs, manifest.kept):
        if len(set(names)) < len(names):
            raise ValueError("it names a value twice")
    counts = len(manifest.values), len(manifest.inputs), len(manifest.places)
    if sum(counts) > _MOST_VALUES:
        raise ValueError(f"it names more than {_MOST_VALUES:,} values")
    if not set(manifest.kept) <= set(manifest.samples):
        raise ValueError("it keeps samples that it does not know")
    if manifest.statistics not in get_args(Depth):
        raise ValueError(f"its statistics are '{manifest.statistics:.60}'")
    for name, shape in manifest.feed_shapes.items():
        if min(shape, default=0) < 0 or math.prod(shape) > _LARGEST_FEED:
            raise ValueError(f"no feed has the shape {format_shape(shape)} of '{name}'")


def _read_headers(
    archive: zipfile.ZipFile, entries: Entries, manifest: _Manifest
) -> dict[str, NpyHeader]:
    """Return the headers of the tables, checked.

    Raises:
        KeyError: a table is missing.
        ValueError: one is not what it should be.
    """
    counts = len(manifest.values), len(manifest.inputs)
    headers = {}
    for name in (*table_names(*counts), *(table for *_, table in manifest.places)):
        if f"{name}.npy" not in entries:
            raise KeyError(name)
        entry = entries[f"{name}.npy"]
        with archive.open(entry) as stream:
            headers[name] = read_entry_header(entry, stream)
    check_headers(headers, *counts)
    return headers


def _read_table(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, header: NpyHeader) -> Array:
    with archive.open(entry) as stream:
        stream.seek(header.size)
        return read_npy_array(stream, header)


def _restored(manifest: _Manifest, tables: Mapping[str, Array]) -> Record:
    count = len(manifest.values)
    check_tables(tables, count, len(manifest.inputs))
    parts = map(ValueStatistics.from_arrays, parted_tables(tables, count))
    feeds: dict[str, dict[str, Array]] = {digest: {} for digest in manifest.kept}
    for digest, name, table in manifest.places:
        feeds[digest][name] = tables[table]
    record = Record(
        model_fingerprint=manifest.model,
        target=manifest.target,
        depth=manifest.statistics,
        samples=frozenset(manifest.samples),
        feed_shapes=manifest.feed_shapes,
        statistics=dict(zip(manifest.values, parts, strict=True)),
        grams={
            key: Gram.from_arrays(
                {name: tables[gram_table(index, name)] for name in ("count", "sums", "products")}
            )
            for index, key in enumerate(manifest.inputs)
        },
        tools=manifest.tools,
        assumptions=manifest.assumed,
        feeds=feeds,
    )
    if record.data_fingerprint != manifest.data:
        raise ValueError("its samples do not match their fingerprint")
    return record


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _write_entry(
    archive: zipfile.ZipFile, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED
) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = compression
    archive.writestr(entry, content, compresslevel=_FAST)
