"""What files hold, read again only where one has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qconv.errors import InputError


@dataclass(frozen=True)
class Digest:
    """Files that were read together.

    Attributes:
        files: their paths, absolute: another run may start in another folder.
        stamp: a hash of their paths, sizes and times.
        content: a hash of their names and of what they hold, SHA-256 in hex.
    """

    files: tuple[str, ...]
    stamp: str
    content: str


class Digests:
    """Digests by what they are of, kept from run to run.

    Args:
        known: those of an earlier run.
    """

    def __init__(self, known: MutableMapping[str, Digest]) -> None:
        self.known = known

    def of(self, what: str, find: Callable[[], Iterable[Path]]) -> str:
        """Return the digest of the files that ``find`` gives.

        Raises:
            InputError: one of them cannot be read.
        """
        files = tuple(str(path.absolute()) for path in find())
        stamp = _stamp(files)
        known = self.known.get(what)
        if known is None or known.stamp != stamp or known.files != files:
            known = Digest(files, stamp, _content(files))
            self.known[what] = known
        return known.content

    def of_model(self, what: str, find: Callable[[], Iterable[Path]]) -> str:
        """Return the digest of a model, whose files are found again where a known one changed."""
        known = self.known.get(what)
        if known is not None and self.same(what):
            return known.content
        return self.of(what, find)

    def same(self, what: str) -> bool:
        """Whether the files that were read are there, and hold what they held.

        Files that a cache has brought back have other stamps: they are read once more.
        """
        known = self.known.get(what)
        if known is None:
            return False
        try:
            stamp = _stamp(known.files)
            if stamp != known.stamp and _content(known.files) != known.content:
                return False
        except InputError:
            return False
        self.known[what] = replace(known, stamp=stamp)
        return True


def _stamp(files: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            status = Path(file).stat()
        except (OSError, ValueError) as error:
            raise _unreadable(file, error) from error
        line = f"{file}\0{status.st_size} {status.st_mtime_ns} {status.st_ino}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _content(files: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            with Path(file).open("rb") as stream:
                own = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(file, error) from error
        digest.update(f"{Path(file).name}\0{own}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _unreadable(file: str, error: OSError | ValueError) -> InputError:
    return InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}")
