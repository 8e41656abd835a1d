"""How much memory something may take, asked before it is read."""

from __future__ import annotations

from qconv.errors import InputError, OutOfMemoryError
from qconv.free_memory import free_memory

UNPACKED = 256_000_000
"""Bytes that the content of any file may take in memory."""

RATIO = 50
"""Content above UNPACKED bytes may be at most this many times as large as the file."""

_SMALL = 64_000_000


def require_unpacked(packed: int, unpacked: int, what: str, kind: type[InputError]) -> None:
    """Refuse a file of which a few bytes would fill the memory.

    Args:
        packed: bytes in the file.
        unpacked: bytes in memory.
        what: what takes them, for the message.
        kind: the error to raise for a file that is packed too well to be true.

    Raises:
        InputError: of the given kind: it is above 256 MB and 50 times as large as in the file.
        OutOfMemoryError: so much is not free.
    """
    if unpacked > max(UNPACKED, RATIO * packed):
        raise kind(
            f"{what} takes {megabytes(unpacked)} in memory, out of {megabytes(packed)} in the file",
            hint=f"content above {megabytes(UNPACKED)} may be at most {RATIO} times as large as it "
            "is in the file",
        )
    require_free(unpacked, what)


def require_free(size: int, what: str) -> None:
    """Refuse what does not fit into the memory that is free now.

    Raises:
        OutOfMemoryError: ``size`` bytes are more.
    """
    free = free_memory() if size > _SMALL else None
    if free is not None and size > free:
        raise OutOfMemoryError(
            f"{what} takes {megabytes(size)} in memory, and {megabytes(free)} are free"
        )


def megabytes(size: int) -> str:
    """Return ``1,234 MB``; 1 MB is 1,000,000 bytes."""
    return f"{size / 1e6:,.0f} MB" if size >= 10e6 else f"{size / 1e6:,.2g} MB"
