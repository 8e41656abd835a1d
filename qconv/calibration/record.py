"""The calibration record (.qcal): statistics on disk, tied to the model they belong to.

A zip of ``manifest.json`` and one ``.npy`` per kind of array, the values' arrays one behind the
other with an offsets table; never a pickle. The same statistics give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qconv
from qconv.calibration.tables import check_tables
from qconv.errors import RecordError
from qconv.graph.assume import shown
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics

SCHEMA = 4
_MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MERGE_FIELDS = ("model_fingerprint", "assumptions", "target", "depth")
Array = NDArray[np.generic]


@dataclass(frozen=True)
class Record:
    """Statistics of one model on some data.

    Attributes:
        model_fingerprint: SHA-256 of the float model.
        target: the target whose Plan chose the values.
        depth: what was collected, ``ranges``, ``histogram`` or ``full``.
        samples: a digest of each sample.
        feed_shapes: the shapes of one feed, by input name, with which a result can be tried.
        statistics: by value name of the prepared model.
        grams: second moments of layers' inputs, by key.
        tools: versions of qconv and of the runtime that computed the values.
        assumptions: inputs that were fixed to constants, by name, as text.
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

    @property
    def data_fingerprint(self) -> str:
        """A hash of the set of samples, in hex."""
        return hashlib.sha256("".join(sorted(self.samples)).encode()).hexdigest()

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
                hint="give calibrate and convert the same --assume",
            )


def merge_records(records: list[Record]) -> Record:
    """Return the record of all samples together, to the bit what one pass would have given.

    Raises:
        RecordError: the records differ in model or settings, or share samples.
    """
    first, *others = records
    merged = {name: ValueStatistics() for name in first.statistics}
    grams = {key: Gram() for key in first.grams}
    samples: frozenset[str] = frozenset()
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
        for name, statistics in record.statistics.items():
            merged[name].merge(statistics)
        for key, gram in record.grams.items():
            grams[key].merge(gram)
    return Record(
        first.model_fingerprint,
        first.target,
        first.depth,
        samples,
        first.feed_shapes,
        merged,
        grams,
        first.tools,
        first.assumptions,
    )


def write_record(record: Record, path: Path) -> None:
    """Write a record; equal records give equal bytes."""
    manifest = {
        "schema": SCHEMA,
        "qconv": qconv.__version__,
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
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _write_entry(archive, _MANIFEST, json.dumps(manifest, indent=1).encode())
        for name, array in _tables(list(record.statistics.values())).items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            _write_entry(archive, f"{name}.npy", buffer.getvalue())
        for index, gram in enumerate(record.grams.values()):
            for name, array in gram.to_arrays().items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, array, allow_pickle=False)
                entry = f"gram.{index}.{name}.npy"
                _write_entry(archive, entry, buffer.getvalue(), zipfile.ZIP_STORED)


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        RecordError: the file is missing, is not a record, is corrupt, or is of a newer schema.
    """
    if path.is_dir():
        raise RecordError(f"{path}: is a folder, not a calibration record")
    if not path.exists():
        raise RecordError(f"{path}: no such file", hint="qconv calibrate makes a record")
    try:
        with zipfile.ZipFile(path) as archive:
            if _MANIFEST not in archive.namelist():
                raise RecordError(
                    f"{path}: not a calibration record: it has no {_MANIFEST}",
                    hint="a record is what qconv calibrate writes; data go with --data",
                )
            manifest = json.loads(archive.read(_MANIFEST))
            if manifest["schema"] != SCHEMA:
                raise RecordError(
                    f"{path}: has schema {manifest['schema']}; this qconv reads {SCHEMA}",
                    hint="calibrate again, or use the qconv that wrote it",
                )
            tables = {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
                if name.endswith(".npy")
            }
        return _from_manifest(manifest, tables)
    except RecordError:
        raise
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zip, JSON and npy errors share no base class
        raise RecordError(
            f"{path}: not a calibration record, or a corrupt one ({_reason(error)})",
            hint="run qconv calibrate again",
        ) from error


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def record_hash(record: Record) -> str:
    """A hash of everything in the record that a conversion reads, in hex."""
    digest = hashlib.sha256(record.model_fingerprint.encode())
    digest.update(record.data_fingerprint.encode())
    if record.assumptions:
        digest.update(json.dumps(dict(record.assumptions)).encode())
    for name, array in _tables(list(record.statistics.values())).items():
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    for key, gram in record.grams.items():
        for array in gram.to_arrays().values():
            digest.update(key.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _from_manifest(manifest: dict[str, Any], tables: dict[str, Array]) -> Record:
    names = [str(name) for name in manifest["values"]]
    check_tables(tables, len(names))
    statistics = {
        name: ValueStatistics.from_arrays(
            {kind: _row(tables, kind, index) for kind in ValueStatistics.KINDS}
        )
        for index, name in enumerate(names)
    }
    record = Record(
        model_fingerprint=str(manifest["model"]),
        target=str(manifest["target"]),
        depth=str(manifest["statistics"]),
        samples=frozenset(map(str, manifest["samples"])),
        feed_shapes={
            str(name): tuple(map(int, shape)) for name, shape in manifest["feed_shapes"].items()
        },
        statistics=statistics,
        grams=_grams([str(key) for key in manifest["inputs"]], tables),
        tools=dict(manifest["tools"]),
        assumptions={str(name): str(text) for name, text in manifest.get("assumed", {}).items()},
    )
    if len(statistics) < len(names):
        raise ValueError("it names a value twice")
    if record.depth not in ("ranges", "histogram", "full"):
        raise ValueError(f"its statistics are '{record.depth}'")
    if record.data_fingerprint != manifest["data"]:
        raise ValueError("its samples do not match their fingerprint")
    return record


def _tables(statistics: list[ValueStatistics]) -> dict[str, Array]:
    """Lay the arrays of all values behind one another: ``kind.array`` and its ``.ends [V]``."""
    columns: dict[str, list[Array]] = {}
    for value in statistics:
        for kind, statistic in value.parts().items():
            for name, array in statistic.to_arrays().items():
                columns.setdefault(f"{kind}.{name}", []).append(array)
    tables: dict[str, Array] = {}
    for name, arrays in columns.items():
        tables[name] = np.concatenate(arrays, axis=-1)
        tables[f"{name}.ends"] = np.cumsum([array.shape[-1] for array in arrays])
    return tables


def _row(tables: dict[str, Array], kind: str, index: int) -> dict[str, Array]:
    """Return the arrays of one value."""
    row = {}
    for name, table in tables.items():
        if name.startswith(f"{kind}.") and not name.endswith(".ends"):
            ends = tables[f"{name}.ends"].astype(np.int64)
            start = 0 if index == 0 else int(ends[index - 1])
            row[name.removeprefix(f"{kind}.")] = table[..., start : int(ends[index])]
    return row


def _grams(keys: list[str], tables: dict[str, Array]) -> dict[str, Gram]:
    return {
        key: Gram.from_arrays(
            {name: tables[f"gram.{index}.{name}"] for name in ("count", "sums", "products")}
        )
        for index, key in enumerate(keys)
    }


def _write_entry(
    archive: zipfile.ZipFile, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED
) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = compression
    archive.writestr(entry, content)
