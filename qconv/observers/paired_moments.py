"""What a layer reads in a quantized model, beside what it reads in the float model."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from qconv.observers.gram import Gram

Doubles = NDArray[np.float64]


class PairedMoments:
    """Sums over pairs of vectors: ``x [K]`` of the float model, ``x'`` of the quantized one.

    Attributes:
        own: the second moment of ``x'``.
    """

    def __init__(self) -> None:
        self.own = Gram()
        self._sums: Doubles = np.zeros((0, 0))
        self._products: Doubles = np.zeros((0, 0, 0))

    def update(self, exact: NDArray[np.float32], quantized: NDArray[np.float32]) -> None:
        """Add P pairs of each group, both ``[G, P, K]``; overflow is as in :class:`Gram`."""
        sums = exact.sum(axis=1, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            products = np.matmul(exact.transpose(0, 2, 1), quantized)
        self._add(sums, products)
        self.own.update(quantized)

    def merge(self, other: Self) -> None:
        """Add the pairs of another one."""
        if other.own.count:
            self._add(other._sums, other._products)
            self.own.merge(other.own)

    def drift(self, *, centred: bool) -> Doubles:
        """Return the mean of ``(x - x') x'^T`` ``[G, K, K]``, about the means if ``centred``."""
        count = max(self.own.count, 1)
        drift: Doubles = self._products / count
        drift -= self.own.second_moment()
        if centred:
            means = self.own.means()
            drift -= (self._sums / count - means)[:, :, None] * means[:, None, :]
        return drift

    def _add(self, sums: Doubles, products: NDArray[np.floating]) -> None:
        if not self.own.count:
            self._sums, self._products = np.zeros_like(sums), np.zeros(products.shape)
        self._sums += sums
        with np.errstate(invalid="ignore"):
            self._products += products
