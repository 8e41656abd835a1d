"""Names as text to be shown: those in models, data, reports and file systems hold anything."""

from __future__ import annotations

import re

_LINE_BREAKS = re.compile(r"[\r\n]+")


def printable(text: str) -> str:
    """Return the text on one line, with each character that is not visible as an escape.

    These are control characters, line breaks, marks that turn the direction of reading, characters
    without width, and halves of surrogate pairs (file names hold them): ``\\x1b``, ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else escape(char) for char in text)


def escape(char: str) -> str:
    """Return one character as an escape, ``\\n`` or ``\\x1b`` or ``\\u202e``."""
    return char.encode("unicode_escape", "surrogatepass").decode()


def sentence(text: str) -> str:
    """Return a message on one line: line breaks become spaces, the rest as :func:`printable`."""
    lines = _LINE_BREAKS.split(text)
    return printable(text if len(lines) == 1 else " ".join(filter(None, map(str.strip, lines))))
