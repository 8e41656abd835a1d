"""Writing models; weights that get a file of their own are never all held in memory."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from qconv.errors import UnsupportedError
from qconv.outputs import side_file_name, why_it_ended
from qconv.recipe.sources import Storage

PROTOBUF_LIMIT = 1_900_000_000
"""Bytes of weights from which on a model no longer fits into one file."""

_SMALL = 256
"""Bytes up to which a weight stays in the model."""


def save_model(model: ir.Model, path: Path, storage: Storage) -> None:
    """Write a model; external weights are written one by one and never all held in memory.

    Afterwards the weights of ``model`` are those that were written.

    Raises:
        UnsupportedError: the model must fit into one file, and is larger than protobuf allows.
    """
    weights = sum(
        value.const_value.nbytes
        for value in model.graph.initializers.values()
        if value.const_value is not None
    )
    if storage.external == "never" and weights > PROTOBUF_LIMIT:
        raise UnsupportedError(
            f"{path.name}: {weights / 1e6:.0f} MB of weights do not fit into one ONNX file",
            hint="leave out `external_data=never`",
        )
    by_size = storage.external == "auto" and weights > min(storage.threshold, PROTOBUF_LIMIT)
    if storage.external == "always" or by_size:
        _write_weights(model, path, storage.name)
    else:
        ir.external_data.load_to_model(model)
    ir.save(model, path)


def _write_weights(model: ir.Model, path: Path, name: str | None) -> None:
    """Write the weights beside a model that is still to be written, and let it name their file."""
    draft = path.with_name(f"{path.name}.data")
    try:
        ir.external_data.unload_from_model(
            model, path.parent, draft.name, size_threshold_bytes=_SMALL
        )
    except OSError as error:
        if error.errno is None:
            raise why_it_ended(draft) from error
        raise
    if not draft.stat().st_size:  # all weights are small
        draft.unlink()
        return
    final = draft.rename(path.with_name(name or side_file_name(path.name, draft)))
    for graph in model.graphs():
        for value in graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                value.const_value = _moved(value.const_value, final)


def _moved(tensor: ir.ExternalTensor, file: Path) -> ir.ExternalTensor:
    return ir.ExternalTensor(
        file.name,
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=tensor.shape,
        name=tensor.name,
        base_dir=file.parent,
    )
