"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from warnings import warn

from qconv.errors import OutputError, OutputWarning
from qconv.locks import locked
from qconv.outputs.checking import Reads, check_output
from qconv.outputs.moving import flush, flush_folder, move
from qconv.outputs.side_files import holds_already, leftovers, own_names, remove_unnamed
from qconv.temporary import temporary_folder

_GROWTH = 1 << 20


@contextmanager
def staged(path: Path, *, force: bool, reads: Reads = ()) -> Iterator[Path]:
    """Yield a path of the same name in a temporary folder beside ``path``.

    When the block ends well, every file in that folder is moved into place: side files first,
    ``path`` itself last. When it raises, nothing is left behind. Whatever a killed run has left
    here is told in a warning, and left alone.

    Raises:
        UsageError, OutputError: see :func:`check_output`, which side files pass too; also when
            the disk refuses the files, or another program was faster to take the name.
    """
    check_output(path, force=force, reads=reads)
    try:
        with temporary_folder(f".{path.name}.", path.parent) as folder:
            yield folder / path.name
            left = _commit(folder, path, force=force, reads=reads)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    if left:
        warn(
            f"{', '.join(map(str, left))}: left by a run that was killed; remove it by hand",
            OutputWarning,
            stacklevel=3,
        )


def _commit(folder: Path, path: Path, *, force: bool, reads: Reads) -> list[Path]:
    """Move files into place, with each step on the disk before the next one relies on it.

    Returns:
        What killed runs have left here.
    """
    staged_main = folder / path.name
    side_files = [file for file in sorted(folder.iterdir()) if file != staged_main]
    for file in (*side_files, staged_main):
        flush(file)
    with locked(path.parent):
        new = {file: path.with_name(file.name) for file in side_files}
        new = {file: target for file, target in new.items() if not holds_already(target, file)}
        for target in new.values():
            check_output(target, force=force, reads=reads)
        old = own_names(path) if force else set()
        try:
            for file, target in new.items():
                file.replace(target)  # never by a second name: the runtime refuses such weights
            flush_folder(path.parent)
            move(staged_main, path, force=force)
        except BaseException:
            remove_unnamed([target.name for target in new.values()], path, reads)
            raise
        _confirm(path)
        remove_unnamed(old, path, reads)
        return [left for left in leftovers(path) if left.name != folder.name]


def _confirm(path: Path) -> None:
    """Bring the last rename to the disk.

    Raises:
        OutputError: the disk does not say that it has it.
    """
    try:
        flush_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: is written, but the disk does not confirm it: {error.strerror}"
        ) from error


def why_it_ended(path: Path) -> OSError:
    """Return why a file could not grow, which NumPy does not tell: it counts what it wrote."""
    try:
        with path.open("ab") as file:
            file.write(bytes(_GROWTH))
    except OSError as error:
        return error
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
