"""How far a variant's outputs are from the float model's: streamed over samples, NumPy only.

Each accumulator takes one pair of arrays per feed and keeps a few numbers; how rows are grouped
into feeds does not matter. All sums are float64.

NaN and Inf are compared by position: an element that is the same NaN or the same Inf in both
arrays is no error (masked scores are -inf on purpose); any other NaN or Inf is a broken element.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Floats = NDArray[np.float64]

_CHUNK = 1 << 20
"""Elements that are held in float64 at once."""


class Sqnr:
    """Signal to quantization noise ratio, ``10 log10(sum r^2 / sum (r - v)^2)``, in dB.

    The sums run over all elements of all feeds. ``inf`` where the outputs are identical, ``-inf``
    where the variant is broken or gives something for a reference that is zero throughout, ``nan``
    before the first feed and where a sum is beyond float64.
    """

    def __init__(self) -> None:
        self._signal = 0.0
        self._noise = 0.0
        self._squares = np.zeros(3)
        self._feeds = 0
        self._elements = 0
        self.broken = 0
        """Feeds in which the variant is broken."""

    def update(self, reference: Array, variant: Array) -> None:
        """Add one feed: two arrays of the same shape."""
        reference, variant = _paired(reference, variant)
        broken = False
        energy = rest = 0.0
        for start in range(0, reference.size, _CHUNK):
            chunk = slice(start, start + _CHUNK)
            signal, noise, chunk_broken = _aligned(
                reference.reshape(-1)[chunk], variant.reshape(-1)[chunk]
            )
            noise = signal - noise
            energy += float(signal @ signal)
            rest += float(noise @ noise)
            broken |= chunk_broken
        self._signal += energy
        self._noise += rest
        with np.errstate(over="ignore"):
            self._squares += np.array([energy, energy, rest]) * np.array([energy, rest, rest])
        self._feeds += 1
        self._elements += reference.size
        self.broken += broken

    @property
    def result(self) -> float:
        """The ratio in dB."""
        if not self._elements:
            return math.nan
        if self.broken:
            return -math.inf
        if math.isinf(self._signal) or math.isinf(self._noise):
            return math.nan
        if self._noise == 0:
            return math.inf
        if self._signal == 0:
            return -math.inf
        return 10 * (math.log10(self._signal) - math.log10(self._noise))

    @property
    def error(self) -> float | None:
        """The standard error of the ratio over feeds, in dB; None where it cannot be told.

        That of a ratio of sums by the delta method: the feeds count as drawn independently.
        """
        if self._feeds < 2 or not math.isfinite(self.result):
            return None
        scales = np.array([self._signal, self._signal, self._noise])
        shares = self._squares / scales / np.array([self._signal, self._noise, self._noise])
        if not np.isfinite(shares).all():
            return None
        variance = float(shares @ [1, -2, 1]) * self._feeds / (self._feeds - 1)
        return 10 / math.log(10) * math.sqrt(max(0.0, variance))


class Cosine:
    """Mean cosine similarity of the samples, -1 to 1.

    A sample is one index of the first axis; an array of rank 0 or 1 is one sample. Two samples of
    zeros are alike (1), a sample of zeros and another are not (0). ``nan`` where a sample is broken
    and before the first one.
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._samples = 0

    def update(self, reference: Array, variant: Array) -> None:
        """Add one feed: two arrays of the same shape."""
        reference, variant = _paired(reference, variant)
        if not reference.size:
            return
        rows = reference.shape[0] if reference.ndim >= 2 else 1
        pairs = zip(reference.reshape(rows, -1), variant.reshape(rows, -1), strict=True)
        for reference_row, variant_row in pairs:
            self._sum += _cosine(reference_row, variant_row)
        self._samples += rows

    @property
    def result(self) -> float:
        """The mean."""
        return self._sum / self._samples if self._samples else math.nan


class KlDivergence:
    """Mean of ``KL(softmax(reference) || softmax(variant))`` over the last axis, in nats.

    Every row counts the same: arrays ``[..., classes]`` hold one for each index of the leading
    axes. ``inf`` where the variant rules out what the reference does not, ``nan`` where it is
    broken and before the first row.
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._rows = 0

    def update(self, reference: Array, variant: Array) -> None:
        """Add one feed: two arrays ``[..., classes]`` of the same shape."""
        for reference_rows, variant_rows in _row_chunks(reference, variant):
            self._sum += float(_kl(reference_rows, variant_rows).sum())
            self._rows += len(reference_rows)

    @property
    def result(self) -> float:
        """The mean in nats."""
        return self._sum / self._rows if self._rows else math.nan


class Agreement:
    """Share of the rows ``[..., classes]`` with the same largest class, in percent.

    Of equal scores the first counts. A NaN in one array alone is a disagreement. ``nan`` before
    the first row.
    """

    def __init__(self) -> None:
        self._equal = 0
        self.rows = 0

    def update(self, reference: Array, variant: Array) -> None:
        """Add one feed: two arrays ``[..., classes]`` of the same shape."""
        for reference_rows, variant_rows in _row_chunks(reference, variant):
            choice = np.argmax(reference_rows, axis=-1)
            same = choice == np.argmax(variant_rows, axis=-1)
            same &= np.isnan(reference_rows).any(axis=-1) == np.isnan(variant_rows).any(axis=-1)
            self._equal += int(np.count_nonzero(same))
            self.rows += len(reference_rows)

    @property
    def result(self) -> float:
        """The share in percent."""
        return 100 * self._equal / self.rows if self.rows else math.nan


class TopK:
    """Share of the samples whose label is among the ``k`` largest scores, in percent.

    Of equal scores the class with the smaller index comes first; a row with NaN is wrong. ``nan``
    before the first sample.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._correct = 0
        self._samples = 0

    def update(self, scores: Array, label: int) -> bool:
        """Add one sample, ``scores [classes]`` and ``0 <= label < classes``; say if it is right."""
        mine = scores[label]
        before = np.count_nonzero(scores > mine) + np.count_nonzero(scores[:label] == mine)
        correct = bool(before < self._k and not np.isnan(scores).any())
        self._correct += correct
        self._samples += 1
        return correct

    @property
    def result(self) -> float:
        """The share in percent."""
        return 100 * self._correct / self._samples if self._samples else math.nan


def _paired(reference: Array, variant: Array) -> tuple[Array, Array]:
    """Return both as arrays of one shape."""
    reference, variant = np.asarray(reference), np.asarray(variant)
    if reference.shape != variant.shape:
        raise ValueError(f"shapes {reference.shape} and {variant.shape} differ")
    return reference, variant


def _aligned(reference: Array, variant: Array) -> tuple[Floats, Floats, bool]:
    """Return both as float64 with equal NaN and Inf set to 0, and whether any other is left."""
    left = reference.astype(np.float64, copy=True)
    right = variant.astype(np.float64, copy=True)
    suspect = ~(np.isfinite(left) & np.isfinite(right))
    if not suspect.any():
        return left, right, False
    alike = suspect & ((left == right) | (np.isnan(left) & np.isnan(right)))
    left[suspect] = 0
    right[suspect] = 0
    return left, right, bool((suspect & ~alike).any())


def _cosine(reference: Array, variant: Array) -> float:
    """Return the cosine of two vectors."""
    dot = left_square = right_square = 0.0
    for start in range(0, reference.size, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        left, right, broken = _aligned(reference[chunk], variant[chunk])
        if broken:
            return math.nan
        dot += float(left @ right)
        left_square += float(left @ left)
        right_square += float(right @ right)
    if left_square == 0 or right_square == 0:
        return float(left_square == right_square)
    return max(-1.0, min(1.0, dot / math.sqrt(left_square) / math.sqrt(right_square)))


def _row_chunks(reference: Array, variant: Array) -> list[tuple[Array, Array]]:
    """Cut ``[..., classes]`` into pairs of ``[rows, classes]``, views of the arrays."""
    reference, variant = _paired(reference, variant)
    if not reference.size:
        return []
    classes = reference.shape[-1]
    left, right = reference.reshape(-1, classes), variant.reshape(-1, classes)
    step = max(1, _CHUNK // classes)
    return [(left[i : i + step], right[i : i + step]) for i in range(0, len(left), step)]


def _kl(reference: Array, variant: Array) -> Floats:
    """Return the divergence of each row, ``[rows, classes] -> [rows]``; never below 0."""
    left, right = reference.astype(np.float64), variant.astype(np.float64)
    with np.errstate(invalid="ignore"):
        log_p, log_q = _log_softmax(left), _log_softmax(right)
        p = np.exp(log_p)
        terms = np.where(p > 0, p * (log_p - log_q), 0.0)
    terms[np.isnan(p)] = np.nan
    divergence: Floats = np.maximum(terms.sum(axis=-1), 0.0)
    divergence[_same(left, right)] = 0.0
    return divergence


def _log_softmax(scores: Floats) -> Floats:
    """Return the logarithm of the softmax of each row."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    log_softmax: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_softmax


def _same(left: Floats, right: Floats) -> NDArray[np.bool_]:
    """Return which rows are identical, NaN and Inf included."""
    same: NDArray[np.bool_] = ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=-1)
    return same
