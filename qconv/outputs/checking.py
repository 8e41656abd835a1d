"""Where a file may be written: the one gate for all outputs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from qconv.errors import OutputError, UsageError

Reads = Iterable[tuple[str, Path]]
"""What a command reads: what each file is, for messages, and where it is.

It is iterated whenever an output exists already, so that nothing is listed in vain.
"""

_BEGIN = 4096
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\f\r")


def check_output(path: Path, *, force: bool, reads: Reads = ()) -> None:
    """Refuse an output path that cannot, or must not, be written.

    Raises:
        UsageError: the path is one of the files that the command reads, by any name or link.
        OutputError: the path exists and ``force`` is not set, is a folder or a device, or its
            folder is missing or not writable.
    """
    try:
        refuse_read(path, reads)
        _check_place(path, force=force)
    except OSError as error:  # a name that is too long, a folder that may not be searched
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def check_text_output(path: Path, reads: Reads = ()) -> None:
    """Refuse a path for a text, which replaces an older text, and nothing else.

    Raises:
        UsageError, OutputError: see :func:`check_output`; also if a file is there that is not
            text: near its begin it holds a control character, as any model does.
    """
    check_output(path, force=True, reads=reads)
    try:
        with path.open("rb") as stream:
            begin = stream.read(_BEGIN)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
    if _CONTROL.intersection(begin):
        raise OutputError(
            f"{path}: is not a text file; a report only replaces text files",
            hint="name another file, or remove this one",
        )


def refuse_read(path: Path, reads: Reads) -> None:
    """Refuse to change a file that the command reads.

    Raises:
        UsageError: the path is one of them, by any name or link.
    """
    what = read_as(path, reads)
    if what is not None:
        raise UsageError(f"{path}: the output would replace {what}")


def read_as(path: Path, reads: Reads) -> str | None:
    """Return as what the command reads this file, or None where it does not."""
    try:
        status = path.stat()
    except OSError:
        return None
    return next((what for what, file in reads if _is(file, status)), None)


def _is(file: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(file.stat(), status)
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        return False


def _check_place(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; a file name is needed")
    if path.exists() and not path.is_file():
        raise OutputError(
            f"{path}: is a device or a pipe", hint="outputs are renamed into place: name a file"
        )
    if os.path.lexists(path) and not force:
        raise exists_already(path)
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, not a folder")
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder", hint="create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: no permission to write here")


def exists_already(path: Path) -> OutputError:
    """Return the error of a name that is taken."""
    return OutputError(f"{path}: exists already", hint="pass --force to replace it")
