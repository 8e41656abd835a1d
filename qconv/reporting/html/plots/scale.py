"""Where numbers lie on an axis, and which of them it names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

_TICKS = 4
_FAR = 0.6
"""Numbers above this share of the largest one would be one heap on an axis from zero."""
_HUGE = 1e100


def drawable(value: float | None) -> float:
    """Return a number that a scale can place; NaN, which none does, for any other and for None."""
    if value is None or not abs(value) < _HUGE:
        return math.nan
    return value if abs(value) > 1 / _HUGE else 0.0


@dataclass(frozen=True)
class Scale:
    """Numbers from ``low`` to ``high`` at places from ``start`` to ``end``, in units.

    A scale is ``cut`` that could begin at zero and does not.
    """

    low: float
    high: float
    start: float
    end: float
    cut: bool = False

    def place(self, value: float) -> float:
        """Return where a number lies."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers on the scale, and how they are written."""
        step = _step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        numbers = [count * step + 0.0 for count in range(first, last + 1)]
        decimals = next((d for d in range(7) if math.isclose(round(step, d), step)), None)
        if decimals is None or step >= 1e7:
            return [(number, f"{number:.3g}") for number in numbers]
        return [(number, f"{number:,.{decimals}f}") for number in numbers]


@dataclass(frozen=True)
class LogScale:
    """Positive numbers on a logarithmic axis."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where a number lies."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Some powers of ten on the scale; where there are few, 2 and 5 times them, too."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        factors = (1, 2, 5) if last - first <= 3 else (1,)
        powers = range(first, last + 1, 1 + (last - first) // 7)
        numbers = (factor * 10.0**power for power in powers for factor in factors)
        return [(number, f"{number:g}") for number in numbers if self.low <= number <= self.high]


def from_zero(values: Iterable[float], start: float, end: float, most: float = math.inf) -> Scale:
    """Return a scale that holds zero and the values, from one round number to another."""
    low, high = min(values := [0.0, *map(drawable, values)]), max(values)
    return _rounded(low, high or 1.0, start, end, most)


def near(values: Sequence[float], start: float, end: float, most: float = math.inf) -> Scale:
    """Return a scale from zero, or one that is cut where the values would be one heap on that.

    It does not go beyond ``most``, the largest number that can be.
    """
    low, high = min(values := [*map(drawable, values)]), max(values)
    if low <= _FAR * high or high <= 0:
        return from_zero(values, start, end, most)
    margin = max(0.3 * (high - low), 0.01 * high)
    scale = _rounded(max(0.0, low - margin), high + margin, start, end, most)
    return replace(scale, cut=scale.low > 0)


def logarithmic(values: Iterable[float], start: float, end: float) -> LogScale:
    """Return a scale that holds the values, all above zero, from one round number to another."""
    low, high = min(values := list(values)), max(values)
    return LogScale(1 / _step(1.1 / low), _step(1.1 * high), start, end)


def _rounded(low: float, high: float, start: float, end: float, most: float) -> Scale:
    step = _step((high - low) / _TICKS)
    least = math.floor(low / step + 1e-9) * step + 0.0
    return Scale(least, min(math.ceil(high / step - 1e-9) * step, most), start, end)


def _step(about: float) -> float:
    """Return the first of 1, 2, 2.5, 5, 10, 20 and so on that is not smaller."""
    return next(step for step in _steps(about) if step >= about * (1 - 1e-9))


def _steps(about: float) -> Iterator[float]:
    power = 10.0 ** math.floor(math.log10(about))
    yield from (factor * power for factor in (1, 2, 2.5, 5, 10))
