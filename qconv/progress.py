"""How long work reports its progress, without knowing who shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Wraps an iterable of ``total`` items and shows, under a label, how far it got."""

    def __call__(self, items: Iterable[T], total: int, label: str, /) -> Iterable[T]:
        """Return the same items in the same order."""


def no_progress(items: Iterable[T], total: int, label: str, /) -> Iterable[T]:  # noqa: ARG001
    """Show nothing."""
    return items
