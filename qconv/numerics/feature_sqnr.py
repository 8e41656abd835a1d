"""Signal to noise ratio feature by feature, so that large features do not hide small ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_FEATURES = 256
_SEEN = 1 << 22
"""Numbers of which medians are taken at most."""
_ABOVE_NOTICE = 60.0
"""Ratios beyond this, in dB, are as good as each other, and below its negative as bad."""


def feature_axis(shape: Sequence[int | None] | None) -> int | None:
    """Return the axis of an output's features, as of boxes ``[N, boxes, features]``.

    It is the smallest axis of fixed size beside the first one, of at most 256. None where there is
    no such axis, or no other one besides: the classes of ``[N, classes]`` are compared as a whole.
    """
    if shape is None or len(shape) < 3:
        return None
    sizes = [(size, axis) for axis, size in enumerate(shape) if axis and size is not None]
    fitting = [(size, axis) for size, axis in sizes if 1 < size <= _MOST_FEATURES]
    return min(fitting)[1] if fitting else None


def prominence(references: Sequence[NDArray[np.generic]], axis: int) -> list[Floats]:
    """Return how far each place of an output stands out from most others, ``[places]`` per array.

    That is the square of its largest distance from a feature's median, in units of the feature's
    median absolute deviation, to which a thousandth of the feature's span is added. Detectors
    decide by the few places where a score is high; at the many others boxes are noise.
    """
    rows = [feature_rows(array, axis) for array in references]
    step = max(1, sum(each.size for each in rows) // _SEEN)
    seen = np.concatenate([each[:, ::step] for each in rows], axis=1)
    median = np.median(seen, axis=1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(seen - median), axis=1, keepdims=True)
    unit = spread + np.ptp(seen, axis=1, keepdims=True) / 1000
    unit = np.where(unit > 0, unit, 1.0)
    return [np.square((np.abs(each - median) / unit).max(axis=0)) for each in rows]


def feature_rows(array: NDArray[np.generic], axis: int | None) -> Floats:
    """Return an array as ``[features, places]``; without an axis it has one feature."""
    numbers = array.astype(np.float64)
    if axis is None:
        return numbers.reshape(1, -1)
    return np.moveaxis(numbers, axis, 0).reshape(numbers.shape[axis], -1)


class FeatureSqnr:
    """Ratios ``10 log10(sum r^2 / sum (r - v)^2)`` in dB over all feeds, for each feature.

    Args:
        axis: of the features; None takes all elements for one feature.
    """

    def __init__(self, axis: int | None) -> None:
        self._axis = axis
        self._weighted: list[Floats] = []

    def update(
        self,
        reference: NDArray[np.generic],
        variant: NDArray[np.generic],
        weights: Floats | None = None,
    ) -> None:
        """Add one feed; ``weights [places]`` count for :attr:`mean` and :attr:`by_feed`.

        A NaN or Inf that both hold at the same place is no error, any other one an infinite one.

        Raises:
            ValueError: the arrays differ in shape.
        """
        if reference.shape != variant.shape:
            raise ValueError(f"shapes {reference.shape} and {variant.shape} differ")
        exact, found = (feature_rows(array, self._axis) for array in (reference, variant))
        same = (exact == found) | (np.isnan(exact) & np.isnan(found))
        with np.errstate(invalid="ignore", over="ignore"):
            noise = np.square(np.where(same, 0.0, exact - found))
            signal = np.square(np.where(np.isfinite(exact), exact, 0.0))
        energies = np.stack([signal, np.where(np.isnan(noise), np.inf, noise)])
        each = np.ones(exact.shape[1]) if weights is None else weights
        self._weighted.append((energies * each).sum(axis=2))

    @property
    def mean(self) -> float:
        """The mean ratio of the features that are not zero throughout, each at most 60 dB."""
        signal, noise = np.sum(self._weighted, axis=0)
        return float(_mean_ratio(signal, noise))

    @property
    def by_feed(self) -> Floats:
        """The same of each feed ``[feeds]``, measured by the mean signal of all feeds."""
        weighted = np.stack(self._weighted)
        return _mean_ratio(weighted[:, 0].mean(axis=0), weighted[:, 1])


def _mean_ratio(signal: Floats, noise: Floats) -> Floats:
    """Return the mean ratio in dB over the last axis, where there is a signal."""
    live = signal > 0
    if not live.any():
        return np.where((noise > 0).any(axis=-1), -_ABOVE_NOTICE, _ABOVE_NOTICE)
    with np.errstate(divide="ignore"):
        ratios = 10 * (np.log10(signal[live]) - np.log10(noise[..., live]))
    mean: Floats = np.clip(ratios, -_ABOVE_NOTICE, _ABOVE_NOTICE).mean(axis=-1)
    return mean
