"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from warnings import warn

from qconv.errors import (
    InputError,
    OutOfMemoryError,
    OutputError,
    OutputWarning,
    lacks_memory,
)
from qconv.locks import locked
from qconv.outputs.checking import Reads, check_output
from qconv.outputs.moving import flush, flush_folder, move
from qconv.outputs.side_files import (
    holds_already,
    leftovers,
    own_names,
    remove_unnamed,
    side_files,
)
from qconv.temporary import temporary_folder

_GROWTH = 1 << 20
_PATIENCE = 10.0
"""Seconds to wait for the lock on a folder, which qconv itself holds for some renames."""


@contextmanager
def staged(path: Path, *, force: bool, reads: Reads = (), model: bool = False) -> Iterator[Path]:
    """Yield a path of the same name in a temporary folder beside ``path``.

    When the block ends well, every file in that folder is moved into place: side files first,
    ``path`` itself last. When it raises, nothing is left behind. Whatever a killed run has left
    here is told in a warning, and left alone.

    Args:
        path: the file to write.
        force: replace what exists.
        reads: files that must not change.
        model: the file is a model: the weights of one that it replaces are removed.

    Raises:
        UsageError, OutputError: see :func:`check_output`, which side files pass too; also when
            the disk refuses the files, another program was faster to take the name, or the
            folder of a model stays locked by others.
        InputError: a file elsewhere, which the block reads, is refused by the disk.
        OutOfMemoryError: the system has no memory for it.
    """
    check_output(path, force=force, reads=reads)
    suspects: Collection[str] = ()
    with _told(path), temporary_folder(f".{path.name}.", path.parent) as folder:
        with _others_told(folder):
            yield folder / path.name
        files = [file for file in sorted(folder.iterdir()) if file.name != path.name]
        for file in (*files, folder / path.name):
            flush(file)
        if model:
            with folder_lock(path.parent):
                suspects = _commit_model(folder, path, files, force=force, reads=reads)
        else:
            _commit(folder, path, files, force=force, reads=reads)
    if left := leftovers(path, suspects):
        warn(
            f"{', '.join(map(str, left))}: left by a run that was killed; remove it by hand",
            OutputWarning,
            stacklevel=3,
        )


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other runs from changing models in a folder while the block runs.

    Raises:
        OutputError: another program holds the lock, and goes on holding it.
    """
    with locked(folder, patience=_PATIENCE) as free:
        if free is False:
            raise OutputError(
                f"{folder}: another program holds a lock (flock) on this folder, which qconv needs "
                f"to write a model there: waited {_PATIENCE:g} s",
                hint="to run one command at a time, lock a file, not the folder of the output",
            )
        yield


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what the disk refuses as an error of the output."""
    try:
        yield
    except OSError as error:
        if lacks_memory(error):
            raise OutOfMemoryError(f"{path}: not enough memory to write it") from error
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _others_told(folder: Path) -> Iterator[None]:
    """Tell what the disk refuses of a file elsewhere by the name of that file."""
    try:
        yield
    except OSError as error:
        name = error.filename
        if lacks_memory(error) or not isinstance(name, str | bytes):
            raise
        file = Path(os.fsdecode(name))
        if folder.name in file.parts:
            raise
        raise InputError(f"{file}: {error.strerror or error}") from error


def _commit_model(
    folder: Path, path: Path, files: list[Path], *, force: bool, reads: Reads
) -> set[str]:
    """Move a model into place, and remove the side files that only the replaced one named.

    Returns:
        Side files beside it that are not its own.
    """
    old = own_names(path) if force else set()
    _commit(folder, path, files, force=force, reads=reads)
    remove_unnamed(old, path, reads)
    return side_files(path) - {file.name for file in files}


def _commit(folder: Path, path: Path, files: list[Path], *, force: bool, reads: Reads) -> None:
    """Move files into place, with each step on the disk before the next one relies on it."""
    new = {file: path.with_name(file.name) for file in files}
    new = {file: target for file, target in new.items() if not holds_already(target, file)}
    for target in new.values():
        check_output(target, force=force, reads=reads)
    try:
        for file, target in new.items():
            file.replace(target)  # never by a second name: the runtime refuses such weights
        flush_folder(path.parent)
        move(folder / path.name, path, force=force)
    except BaseException:
        remove_unnamed([target.name for target in new.values()], path, reads)
        raise
    _confirm(path)


def _confirm(path: Path) -> None:
    """Bring the last rename to the disk.

    Raises:
        OutputError: the disk does not say that it has it.
    """
    try:
        flush_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: is written, but the disk did not confirm it: {error.strerror}"
        ) from error


def why_it_ended(path: Path) -> OSError:
    """Return why a file could not grow, which NumPy does not tell: it counts what it wrote."""
    try:
        with path.open("ab") as file:
            file.write(bytes(_GROWTH))
    except OSError as error:
        return error
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
