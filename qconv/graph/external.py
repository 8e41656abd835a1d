"""The files beside a model that hold its weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx

from qconv.errors import ModelError


def external_files(proto: onnx.ModelProto, path: Path) -> list[Path]:
    """Return the files that hold the external data of a model.

    Raises:
        ModelError: a file is missing, too short, or lies outside the model's folder.
    """
    files: dict[Path, int] = {}
    folder = path.parent.resolve()
    for tensor in _tensors(proto.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        target = (folder / location).resolve()
        where = f"{path}: the external data of '{tensor.name}'"
        if not location or not target.is_relative_to(folder):
            raise ModelError(f"{where} lies outside the model's folder: '{location}'")
        if not target.is_file():
            raise ModelError(
                f"{where} is missing: {path.parent / location}",
                hint="keep the model and its data files in one folder",
            )
        end = int(entries.get("offset", 0)) + int(entries.get("length", 0))
        if target.stat().st_size < end:
            raise ModelError(f"{where} is truncated: {path.parent / location} ends before {end}")
        files[target] = end
    return list(files)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _tensors(subgraph)
