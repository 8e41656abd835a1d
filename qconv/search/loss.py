"""The power of an error in proportion to the signal, and the same in dB."""

from __future__ import annotations

import math


def decibels(loss: float) -> float:
    """Return the ratio of signal to error in dB for an error of so much power."""
    return -10 * math.log10(loss) if loss > 0 else math.inf


def power(ratio: float) -> float:
    """Return the power of the error in proportion to the signal's, for a ratio in dB."""
    return 10 ** (-ratio / 10)
