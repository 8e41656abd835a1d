"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qconv.errors import OutputError

_GROWTH = 1 << 20


def check_output(path: Path, *, force: bool) -> None:
    """Refuse an output path that cannot, or must not, be written.

    Raises:
        OutputError: the path exists and ``force`` is not set, is a folder or a device, or its
            folder is missing or not writable.
    """
    try:
        _check_place(path, force=force)
    except OSError as error:  # a name that is too long, a folder that may not be searched
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _check_place(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; a file name is needed")
    if path.exists() and not path.is_file():
        raise OutputError(
            f"{path}: is a device or a pipe", hint="outputs are renamed into place: name a file"
        )
    if os.path.lexists(path) and not force:
        raise OutputError(f"{path}: exists already", hint="pass --force to replace it")
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, not a folder")
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder", hint="create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: no permission to write here")


@contextmanager
def staged(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a path of the same name in a temporary folder beside ``path``.

    When the block ends well, every file in that folder is renamed into place (side files such
    as external data first, ``path`` itself last); when it raises, nothing is left behind.

    Raises:
        OutputError: see :func:`check_output`, which side files pass too; also when the disk
            refuses the files.
    """
    check_output(path, force=force)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield folder / path.name
        side_files = [file for file in sorted(folder.iterdir()) if file.name != path.name]
        for side_file in side_files:
            check_output(path.parent / side_file.name, force=force)
        for side_file in side_files:
            side_file.replace(path.parent / side_file.name)
        (folder / path.name).replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def why_it_ended(path: Path) -> OSError:
    """Return why a file could not grow, which NumPy does not tell: it counts what it wrote."""
    try:
        with path.open("ab") as file:
            file.write(bytes(_GROWTH))
    except OSError as error:
        return error
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
