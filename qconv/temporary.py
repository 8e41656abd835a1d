"""Temporary folders, announced to a process that may outlive this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep

from qconv.locks import locked

_PATIENCE = 1.0
"""Seconds: who looks whether a folder is in use holds its lock for a moment."""
_FIRST_MOMENT = 0.1
"""Seconds in which a folder that was made gets its lock."""
_watcher: int | None = None


def announce_to(descriptor: int) -> None:
    """From now on write the path of each temporary folder to a pipe, with a zero byte behind it.

    Who reads the pipe can remove what this process leaves behind if it dies.
    """
    global _watcher
    os.set_blocking(descriptor, False)
    _watcher = descriptor


@contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Make a folder with a random name in ``parent``, or in the system's place; remove it after.

    Raises:
        OSError: the folder cannot be made.
    """
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        if _watcher is not None:
            with suppress(OSError):  # nobody listens
                os.write(_watcher, os.fsencode(folder.absolute()) + b"\0")
        with locked(folder, patience=_PATIENCE):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_use(folder: Path) -> bool:
    """Whether a process may still be at work in a temporary folder, as far as its lock shows.

    A folder that is new may have no lock yet: it is looked at twice.
    """
    try:
        for pause in (_FIRST_MOMENT, 0.0):
            with locked(folder, patience=0) as free:
                if not free:
                    return True
            sleep(pause)
    except OSError:
        return True
    return False
