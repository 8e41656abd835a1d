"""Steps that the disk takes whole: a rename, a link, a flush."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from warnings import warn

from qconv.errors import OutputWarning
from qconv.outputs.checking import exists_already

_NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_LINKS = _NOT_SUPPORTED | {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK}
_NO_FLUSH = _NOT_SUPPORTED | {errno.EBADF}
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


def move(file: Path, target: Path, *, force: bool) -> None:
    """Give a file its name in one step; without ``force`` only if the name is still free.

    A second name may stay behind in the file's old place.

    Raises:
        OutputError: the name is taken, and ``force`` is not set.
        OSError: the disk refuses.
    """
    if force:
        file.replace(target)
        return
    try:
        _move_to_free(file, target)
    except FileExistsError:
        raise exists_already(target) from None


def _move_to_free(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return
    try:
        _rename_to_free(file, target)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    else:
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    file.replace(target)
    warn(
        f"{target}: this file system cannot refuse a name that is taken: if another program wrote "
        "the same file at the same moment, its file is lost",
        OutputWarning,
        stacklevel=1,
    )


def _rename_to_free(file: Path, target: Path) -> None:
    """Rename by Linux's renameat2, which file systems without hard links may have.

    Raises:
        OSError: ENOSYS where the system has no such call.
    """
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    names = os.fsencode(file), os.fsencode(target)
    if call(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))


def flush(file: Path) -> None:
    """Bring a file's content to the disk.

    Raises:
        OSError: the disk refuses.
    """
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that.

    Raises:
        OSError: the disk refuses.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # on Windows, or where a folder may be written and not be read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise
    finally:
        os.close(descriptor)
