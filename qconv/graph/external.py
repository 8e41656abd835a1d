"""The files beside a model that hold its weights: which may be read, and where in them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import onnx
from onnx.external_data_helper import load_external_data_for_tensor

from qconv.errors import ModelError
from qconv.files import require_regular
from qconv.graph.tensor_protos import declared_bytes, is_external

_MOST_READINGS = 16
_MOST_SHARED = 1 << 26
"""Tensors may share bytes: in all they may have 64 MiB, or so many times those of their file."""

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def data_folder(model: Path) -> Path:
    """Return the folder that the external data of a model must lie in, all links followed.

    It is the model's own. The cache of Hugging Face keeps each file as
    ``models--NAME/blobs/HASH`` and links to it from ``snapshots/REVISION/``: for a model that is
    such a link it is the folder of blobs, into which the links to its data lead too.
    """
    named, real = Path(os.path.realpath(model.parent)), Path(os.path.realpath(model))
    cache = real.parent.parent
    is_cached = (
        real.parent.name == "blobs"
        and cache.name.startswith("models--")
        and named.is_relative_to(cache / "snapshots")
    )
    return real.parent if is_cached else named


def resolve_external(tensors: Iterable[onnx.TensorProto], model: Path) -> list[Path]:
    """Check where external tensors point, and let them point there from :func:`data_folder`.

    Returns:
        The files that hold the data, each once, links followed.

    Raises:
        ModelError: a file is missing, no regular file, has several names, lies outside of the
            folder, or is too short; or a tensor declares another length than it has.
    """
    folder = data_folder(model)
    files: dict[Path, int] = {}
    read: Counter[Path] = Counter()
    for tensor in tensors:
        where = f"{model}: the external data of '{tensor.name}'"
        entries = _entries(tensor, where)
        location = entries.get("location", "")
        target = _target(model.parent, location, folder)
        if target is None:
            raise ModelError(f"{where} lies outside the model's folder: '{location}'")
        place = model.parent / location
        if target not in files:
            files[target] = _size(target, place, where)
        offset, length = _number(entries, "offset", where), _number(entries, "length", where)
        declared = declared_bytes(tensor, model)
        if length not in (0, declared):
            raise ModelError(f"{where} has {length} bytes, but its type and shape {declared}")
        if files[target] < offset + declared:
            raise ModelError(f"{where} is truncated: {place} ends before {offset + declared}")
        _point(tensor, str(target.relative_to(folder)), offset, declared)
        read[target] += declared
        if read[target] > max(_MOST_SHARED, _MOST_READINGS * files[target]):
            raise ModelError(f"{where} is one of too many tensors that share the bytes of {place}")
    return list(files)


def embed_external(tensors: Iterable[onnx.TensorProto], model: Path) -> None:
    """Read resolved external tensors into the model itself."""
    folder = str(data_folder(model))
    for tensor in filter(is_external, tensors):
        load_external_data_for_tensor(tensor, folder)
        _forget_file(tensor)


def _entries(tensor: onnx.TensorProto, where: str) -> Mapping[str, str]:
    keys = Counter(entry.key for entry in tensor.external_data)
    for key, count in keys.items():
        if count > 1:
            raise ModelError(f"{where} has the key '{key}' {count} times")
    return {entry.key: entry.value for entry in tensor.external_data}


def _target(near: Path, location: str, folder: Path) -> Path | None:
    """Return the file that a location leads to, or None where that is not in the folder."""
    if not location or "\0" in location:
        return None
    target = Path(os.path.realpath(near / location))
    return target if target.is_relative_to(folder) else None


def _size(target: Path, place: Path, where: str) -> int:
    if not target.exists():
        raise ModelError(
            f"{where} is missing: {place}",
            hint="keep the model and its data files in one folder",
        )
    size = require_regular(place, "a file of weights", ModelError)
    if target.stat().st_nlink > 1:
        raise ModelError(
            f"{where} is in a file with several names (hard links), one of which may be outside "
            f"the model's folder: {place}",
            hint="put a copy of the file in its place",
        )
    return size


def _number(entries: Mapping[str, str], key: str, where: str) -> int:
    text = entries.get(key, "0")
    if not _NUMBER.fullmatch(text):
        raise ModelError(f"{where} has the {key} '{text[:40]}', which is not a number of bytes")
    return int(text)


def _point(tensor: onnx.TensorProto, location: str, offset: int, length: int) -> None:
    """Say where a tensor lies; one without elements needs no file."""
    _forget_file(tensor)
    if not length:
        return
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))


def _forget_file(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")
