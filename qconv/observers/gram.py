"""Second moments of what a layer multiplies its weights with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.statistic import Arrays

Floats = NDArray[np.float64]

_TOGETHER = 512
"""Vectors that are multiplied at once: to add a product to the sums costs as much as to make it."""
_NOISE = 1e-6
"""Share of a second moment, kept in float32, that its own rounding may make up."""


class Gram:
    """Sums over the input vectors ``x [K]`` of G groups of channels: count, ``x`` and ``x x^T``.

    They are what the error of a layer depends on: with the weight error ``D`` the outputs of one
    vector are off by ``D x``, and the squares of that sum up to ``tr(D H D^T)``.

    Unlike other statistics these sums are of floating-point numbers: merged in another order they
    agree to about 1e-7 of the largest entry, not to the bit. Products are added up in float64 and
    kept in float32: those of all layers of a model are held at once.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums: Floats = np.zeros((0, 0))
        self._products: NDArray[np.float32 | np.float64] = np.zeros((0, 0, 0))

    @property
    def shape(self) -> tuple[int, ...]:
        """G and K; zeros while nothing was seen."""
        return self._sums.shape

    def update(self, vectors: NDArray[np.float32]) -> None:
        """Add P vectors of each group, ``[G, P, K]``; what overflows is not finite from then on."""
        with np.errstate(over="ignore", invalid="ignore"):
            products = np.matmul(vectors.transpose(0, 2, 1), vectors)
        self._add(vectors.shape[1], vectors.sum(axis=1, dtype=np.float64), products)

    def merge(self, other: Self) -> None:
        """Add the sums of another statistic."""
        if other.count:
            self._add(other.count, other._sums, other._products)

    def means(self) -> Floats:
        """Return the mean vector of each group, ``[G, K]``."""
        return self._sums / max(self.count, 1)

    def centred(self) -> Floats:
        """Return the covariance of each group, ``[G, K, K]``: what a bias cannot mend.

        It is zero for inputs whose variance cannot be told from the rounding of their moments.
        """
        means, moment = self.means(), self.second_moment()
        power = np.diagonal(moment, axis1=1, axis2=2).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            moment -= means[:, :, None] * means[:, None, :]
            alive = np.diagonal(moment, axis1=1, axis2=2) > _NOISE * power
            moment *= alive[:, :, None]
            moment *= alive[:, None, :]
        return moment

    def second_moment(self) -> Floats:
        """Return the mean of ``x x^T`` of each group, ``[G, K, K]``."""
        return self._products / np.float64(max(self.count, 1))

    def divided(self, factors: NDArray[np.floating]) -> Self:
        """Return the sums over ``x / factors``: ``[G, K]``, or ``[K]`` for each group alike."""
        divided = type(self)()
        if self.count:
            inverse = 1 / factors.astype(np.float64)
            products = self._products * inverse[..., :, None] * inverse[..., None, :]
            divided._add(self.count, self._sums * inverse, products)
        return divided

    def rounded(self) -> Self:
        """Return what :meth:`to_arrays` keeps."""
        return self.from_arrays(self.to_arrays())

    def to_arrays(self) -> Arrays:
        """``count [1]`` int64, ``sums [G, K]`` float64, ``products [G, K (K + 1) / 2]`` float32.

        The products are the upper triangles, row by row.
        """
        with np.errstate(over="ignore"):
            products = self._products.astype(np.float32, copy=False)
        groups, size, _ = products.shape
        triangles = np.empty((groups, size * (size + 1) // 2), np.float32)
        for row, part in _upper(size):
            triangles[:, part] = products[:, row, row:]
        return {
            "count": np.array([self.count], np.int64),
            "sums": self._sums,
            "products": triangles,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Rebuild from :meth:`to_arrays`.

        Raises:
            ValueError: the shapes do not fit each other.
        """
        statistic = cls()
        statistic.count = int(arrays["count"].reshape(1)[0])
        statistic._sums = arrays["sums"].astype(np.float64)
        groups, size = statistic._sums.shape
        triangles = arrays["products"].reshape(groups, size * (size + 1) // 2)
        products = np.empty((groups, size, size), np.float32)
        for row, part in _upper(size):
            products[:, row, row:] = products[:, row:, row] = triangles[:, part]
        statistic._products = products
        return statistic

    def _add(self, count: int, sums: Floats, products: NDArray[np.floating]) -> None:
        if not self.count:
            self._sums, self._products = np.zeros_like(sums), np.zeros(products.shape)
        self.count += count
        self._sums += sums
        self._products = self._products.astype(np.float64, copy=False)
        with np.errstate(invalid="ignore"):
            self._products += products


class GatheredGram:
    """A :class:`Gram` of vectors that come few at a time: they wait until they are many."""

    def __init__(self) -> None:
        self._gram = Gram()
        self._waiting: list[NDArray[np.float32]] = []

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add P vectors of each group, ``[G, P, K]``."""
        self._waiting.append(vectors)
        if sum(each.shape[1] for each in self._waiting) >= min(vectors.shape[2], _TOGETHER):
            self.whole()

    def whole(self) -> Gram:
        """Return the sums of all vectors so far."""
        if self._waiting:
            self._gram.update(np.concatenate(self._waiting, axis=1))
            self._waiting.clear()
        return self._gram


def _upper(size: int) -> Iterator[tuple[int, slice]]:
    """Yield each row of a matrix, and where its part from the diagonal on lies in a triangle."""
    begin = 0
    for row in range(size):
        yield row, slice(begin, begin + size - row)
        begin += size - row
