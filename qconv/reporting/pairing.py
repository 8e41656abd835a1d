"""Whether a drop in accuracy is more than chance: paired proportions on the same samples.

Of ``samples`` labelled samples, ``lost`` are right with the float model and wrong with the
variant, ``gained`` the other way round. The drop is ``(lost - gained) / samples``; samples that
both get right or both get wrong say nothing about it. Standard library only.

The confidence limits invert the score test of T. Tango, "Equivalence test and confidence interval
for the difference in proportions for the paired-sample design", Statistics in Medicine 17 (1998),
891-908. Unlike the interval of the normal approximation it does not collapse where no sample, or
only one kind, is discordant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Side = Literal["low", "high"]

_MOST_SAMPLES = 10_000_000


@dataclass(frozen=True)
class Pairing:
    """How the answers of a variant and of the float model pair up on the labelled samples.

    Attributes:
        samples: number of samples with labels.
        lost: number of those that only the float model gets right.
        gained: number of those that only the variant gets right; with ``lost``, ``samples`` at
            most.
        low: lower end of the two-sided 95 % confidence interval of the top-1 drop, in points.
        high: upper end of it, in points.
        p_value: p-value of McNemar's exact test of no difference, two-sided, 0 to 1.
    """

    samples: int
    lost: int
    gained: int
    low: float
    high: float
    p_value: float

    def __post_init__(self) -> None:
        counts = (self.samples - 1, self.lost, self.gained, self.samples - self.lost - self.gained)
        if min(counts) < 0:
            raise ValueError(
                f"of {self.samples} samples, {self.lost} cannot be lost and {self.gained} gained"
            )

    @classmethod
    def of(cls, samples: int, lost: int, gained: int) -> Pairing:
        """Return the pairing with these counts, and what follows from them."""
        return cls(
            samples,
            lost,
            gained,
            low=drop_limit(samples, lost, gained, 97.5, "low"),
            high=drop_limit(samples, lost, gained, 97.5, "high"),
            p_value=mcnemar(lost, gained),
        )

    def limit(self, level: float, side: Side) -> float:
        """Return the one-sided confidence limit of the drop, in points; ``level`` in percent."""
        return drop_limit(self.samples, self.lost, self.gained, level, side)


def drop_limit(samples: float, lost: float, gained: float, level: float, side: Side) -> float:
    """Return the one-sided confidence limit of the drop, in points of 100.

    It is the drop whose score statistic (Tango 1998, eq. 9) is the normal quantile of ``level``
    percent, found by bisection to 1e-9 points. Counts need not be whole numbers.
    """
    if side == "high":
        return -drop_limit(samples, gained, lost, level, "low")
    quantile = _normal_quantile(level / 100)
    low, high = -1.0, (lost - gained) / samples
    while high - low > 1e-11:
        middle = (low + high) / 2
        if _score(samples, lost, gained, middle) > quantile:
            low = middle
        else:
            high = middle
    return 100 * (low + high) / 2


def mcnemar(lost: int, gained: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Under no difference each discordant sample is lost or gained with probability 1/2: the p-value
    is twice the tail of that binomial distribution, at most 1.
    """
    total, fewer = lost + gained, min(lost, gained)
    logarithm = math.lgamma(total + 1) - math.lgamma(fewer + 1) - math.lgamma(total - fewer + 1)
    term = math.exp(logarithm - total * math.log(2))
    tail = 0.0
    for count in range(fewer, -1, -1):
        tail += term
        term *= count / (total - count + 1)
    return min(1.0, 2 * tail)


def samples_to_decide(pairing: Pairing, threshold: float, level: float) -> int | None:
    """Return how many samples would tell on which side of the threshold the drop is.

    Lost and gained samples are assumed to stay as frequent as they are.

    Args:
        pairing: what was counted.
        threshold: a drop in points.
        level: confidence of each one-sided limit, in percent.

    Returns:
        The number, rounded up to two digits; None where it is beyond ten million.
    """
    shares = pairing.lost / pairing.samples, pairing.gained / pairing.samples

    def decides(samples: float) -> bool:
        counts = (samples * shares[0], samples * shares[1])
        return (
            drop_limit(samples, *counts, level, "low") > threshold
            or drop_limit(samples, *counts, level, "high") < threshold
        )

    low, high = 1.0, 2.0
    while not decides(high):
        low, high = high, 2 * high
        if high > _MOST_SAMPLES:
            return None
    while high - low > 0.001 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    unit = int(10 ** max(0, math.floor(math.log10(high)) - 1))
    return unit * math.ceil(high / unit)


def _score(samples: float, lost: float, gained: float, drop: float) -> float:
    """Return Tango's score statistic for a drop as a proportion, -1 to 1.

    ``q`` is the maximum likelihood estimate of the share of gained samples under that drop.
    """
    b = (2 * samples - lost + gained) * drop - lost - gained
    c = -gained * drop * (1 - drop)
    q = (math.sqrt(max(0.0, b * b - 8 * samples * c)) - b) / (4 * samples)
    variance = samples * (2 * q + drop * (1 - drop))
    distance = lost - gained - samples * drop
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _normal_quantile(probability: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)
