"""Files that a user names: what may be opened, told before anything is read."""

from __future__ import annotations

import stat
from pathlib import Path

from qconv.errors import InputError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def require_regular(path: Path, wanted: str, kind: type[InputError]) -> int:
    """Return the size in bytes of a regular file, or of the one that a link leads to.

    A pipe would make the reader wait, and a device such as ``/dev/zero`` never ends, so nothing
    else is opened.

    Args:
        path: the file.
        wanted: what it is meant to be, with its article, for the message: ``an ONNX file``.
        kind: the error to raise.

    Raises:
        InputError: of the given kind; the file is missing, not regular, or out of reach.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise kind(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or error
        raise kind(f"{path}: cannot be read: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        found = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise kind(f"{path}: is {found}, not {wanted}")
    return status.st_size
