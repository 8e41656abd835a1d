"""Names, numbers and texts that programs stumble over."""

from __future__ import annotations

import math
from random import Random

NAMES = (
    *("", " ", ".", "..", "/", "../../etc/passwd", "/dev/null", "-", "--help", "-o", "NaN", "0"),
    *("\x1b[31mred", "\x1b]0;title\x07", "line\nbreak", "tab\tstop", "\rback", "nul\0byte", "\x7f"),
    *("\n::error::seen", "::set-output name=a::b", "##[group]x", "\x85next", "\x9b31m", "\u2028"),
    *("\u202edrawkcab", "\u200b", "e\u0301", "\U0001f600", "\ufeffbom", "名前", "a" * 5000),
    *("[bold]rich[/bold]", "[/]", "{0}", "%s%n", "$(id)", "`id`", "'; --", '"', "\\", "a:b", "a=b"),
    *("batch", "x", "y", "w", "labels", "run", "qconv.dtype", "x_QuantizeLinear_Output"),
)
"""Names of values, axes, operators, files, keys."""

DIMS = (-1, 0, 1, 2, 3, 5, 7, 64, 255, 10**4, 2**31 - 1, 2**31, 10**12, 2**62, 2**63 - 1, -(2**63))
"""Lengths of axes; all fit a signed number of 64 bits."""

INTEGERS = (*DIMS, -2, -7, 4, 8, 13, 16, 100, 1000, 2**32)

FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-38, 1e-7, 3.4e38, -3.4e38, 1e30, 1e300),
    *(math.inf, -math.inf, math.nan, 255.0, 65504.0, 65520.0),
)


def name(random: Random) -> str:
    """Return a hostile name."""
    return random.choice(NAMES)


def changed_bytes(random: Random, content: bytes) -> bytes:
    """Flip, cut, double, insert or swap some bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 3, 8, 30))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(7):
            case 0 | 1 if place < len(changed):
                changed[place] ^= 1 << random.randrange(8)
            case 2 if place < len(changed):
                changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 3:
                changed[place:place] = random.randbytes(random.choice((1, 4, 100)))
            case 4:
                del changed[place : place + random.choice((1, 2, 8, 100))]
            case 5:
                changed[place:place] = changed[place : place + random.choice((4, 64))]
            case 6 if random.random() < 0.2:
                del changed[place:]
            case _:
                pass
    return bytes(changed)
