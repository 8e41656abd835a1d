"""The models that a user names, one by one or by their folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from qconv.errors import InputError
from qconv.recipe.sources import Dtype


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
