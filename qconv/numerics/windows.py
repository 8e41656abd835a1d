"""The geometry of a convolution: which input positions its taps meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """Sizes along each spatial axis; ``sizes`` holds None for an axis of unknown length."""

    groups: int
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    sizes: tuple[int | None, ...]

    def inside_share(self) -> NDArray[np.float64]:
        """Return for each tap ``[k1, k2, ...]`` the share of outputs for which it meets data."""
        share = np.ones(())
        for axis in range(len(self.kernel)):
            share = np.multiply.outer(share, self._along(axis))
        return share

    def _along(self, axis: int) -> NDArray[np.float64]:
        size, kernel = self.sizes[axis], self.kernel[axis]
        if size is None:
            return np.ones(kernel)
        begin, stride = self.begins[axis], self.strides[axis]
        reach = self.dilations[axis] * (kernel - 1) + 1
        outputs = (size + begin + self.ends[axis] - reach) // stride + 1
        if outputs < 1:
            return np.ones(kernel)
        taps = np.arange(kernel) * self.dilations[axis]
        positions = np.arange(outputs)[:, None] * stride - begin + taps
        inside: NDArray[np.float64] = ((positions >= 0) & (positions < size)).mean(axis=0)
        return inside
