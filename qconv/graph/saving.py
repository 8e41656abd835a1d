"""Writing models; weights that get a file of their own are never all held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx_ir as ir

from qconv.errors import UnsupportedError
from qconv.outputs import why_it_ended

PROTOBUF_LIMIT = 1_900_000_000
"""Bytes of weights from which on a model no longer fits into one file."""


@dataclass(frozen=True)
class Storage:
    """Where weights are written: into the model file, or into ``<name>.data`` beside it.

    ``auto`` uses external data from ``threshold`` bytes of weights on.
    """

    external: Literal["auto", "always", "never"] = "auto"
    threshold: int = 1_000_000_000


def save_model(model: ir.Model, path: Path, storage: Storage) -> None:
    """Write a model; external weights are written one by one and never all held in memory.

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
            hint="leave out --external-data never",
        )
    by_size = storage.external == "auto" and weights > min(storage.threshold, PROTOBUF_LIMIT)
    if storage.external == "always" or by_size:
        data = f"{path.name}.data"
        try:
            ir.save(model, path, external_data=data)
        except OSError as error:
            if error.errno is None:
                raise why_it_ended(path.with_name(data)) from error
            raise
    else:
        ir.external_data.load_to_model(model)
        ir.save(model, path)
