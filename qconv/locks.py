"""Locks on folders, which the system lets go when their process ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

_PAUSE = 0.02


@contextmanager
def locked(folder: Path, *, patience: float) -> Iterator[bool | None]:
    """Lock a folder against others who lock it; wait for them no longer than so many seconds.

    Yields:
        Whether the lock is held: False where somebody else holds it, None where the system or the
        file system has no such locks, or does not let this folder be opened.

    Raises:
        OSError: there is no such folder.
    """
    try:
        import fcntl  # noqa: F401 - not on Windows

        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (ImportError, PermissionError):
        yield None
        return
    try:
        yield _lock(descriptor, monotonic() + patience)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, until: float) -> bool | None:
    import fcntl

    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= until:
                return False
            sleep(_PAUSE)
        except OSError:
            return None
        else:
            return True
