"""Which models convert reads, and where it writes: a file, or a folder that is made if need be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from qconv.cli.paths import FilePath
from qconv.errors import InputError, OutputError, UsageError
from qconv.recipe.sources import Dtype

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


def models_in(paths: Iterable[Path]) -> list[Path]:
    """Return models, those of folders in the place of the folders.

    Of a folder all ``*.onnx`` count but those that bear the names that convert gives to variants of
    another one: ``model.int8.onnx`` beside ``model.onnx``.

    Raises:
        InputError: a folder has none.
    """
    found = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        files = [file for file in path.iterdir() if file.suffix == ".onnx" and file.is_file()]
        names = {file.name for file in files}
        own = sorted(file for file in files if not _is_variant(file, names))
        if not own:
            raise InputError(f"{path}: the folder holds no .onnx files")
        found += own
    return found


def _is_variant(file: Path, names: set[str]) -> bool:
    stem, _, dtype = file.stem.rpartition(".")
    return dtype in get_args(Dtype) and f"{stem}.onnx" in names


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


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder if there is none; remove it again if the block fails and leaves it empty.

    Raises:
        OutputError: it cannot be made.
    """
    if folder.exists():
        yield
        return
    try:
        folder.mkdir()
    except FileNotFoundError as error:
        raise OutputError(f"{folder.parent}: no such folder", hint="create it first") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
