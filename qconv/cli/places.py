"""Where convert writes: a file, or a folder of files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qconv.cli.paths import FilePath
from qconv.errors import UsageError

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # no generic before click 8.5


@dataclass(frozen=True)
class Place:
    """A path to write to, and whether it was typed with a slash at its end, as folders are."""

    path: Path
    slash: bool


class PlaceParam(_ParamType):
    """A file or a folder to write to, which need not be there."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the place."""
        path = FilePath().convert(value, param, ctx)
        return Place(path, slash=os.fspath(value).endswith(os.sep))


def output_files(
    models: Sequence[Path], dtypes: Iterable[str], place: Place | None
) -> Mapping[tuple[Path, str], Path]:
    """Return the file of each model and type.

    Raises:
        UsageError: several would go to one file, or into one that is no folder.
    """
    wanted = [(model, dtype) for model in models for dtype in dtypes]
    if place is not None and not (place.slash or place.path.is_dir() or len(wanted) > 1):
        return {wanted[0]: place.path}
    if place is not None and _is_file(place):
        several = "types" if len(models) == 1 else "models"
        raise UsageError(f"{place.path}: several {several} need a folder as output")
    found: dict[tuple[Path, str], Path] = {}
    for model, dtype in wanted:
        folder = model.parent if place is None else place.path
        path = folder / f"{model.stem}.{dtype}.onnx"
        if path in found.values():
            raise UsageError(f"{path}: two models would be written to this file")
        found[model, dtype] = path
    return found


def _is_file(place: Place) -> bool:
    """Whether a place is a file, or is named as one of a model."""
    if place.path.exists():
        return not place.path.is_dir()
    return place.path.suffix == ".onnx" and not place.slash
