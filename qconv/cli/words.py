"""Numbers as the commands print them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return ``1 sample`` or ``12 samples``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Return a number of bytes as ``528 bytes``, ``52.80 kB`` or ``12.35 MB``."""
    if number < 1000:
        return counted(number, "byte")
    return f"{number / 1e3:.2f} kB" if number < 100_000 else f"{number / 1e6:.2f} MB"
