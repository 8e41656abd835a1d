"""What a search is after, and which of the measured points it chooses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from qconv.search.front import Point

Objective = Literal["speed", "size", "accuracy"]


@dataclass(frozen=True)
class Limits:
    """What a file may not exceed: its size in bytes, and its time over that of the float model."""

    size: float = math.inf
    slowness: float = math.inf


def decibels(loss: float) -> float:
    """Return the ratio of signal to error in dB for an error of so much power."""
    return -10 * math.log10(loss) if loss > 0 else math.inf


def power(ratio: float) -> float:
    """Return the power of the error in proportion to the signal's, for a ratio in dB."""
    return 10 ** (-ratio / 10)


def by_loss(point: Point) -> tuple[float, float]:
    """Order points from the least loss on."""
    return point.loss, point.cost
