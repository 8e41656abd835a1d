"""A folder to write to, made if there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qconv.errors import OutputError


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
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
