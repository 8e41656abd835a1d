"""What a user or a caller may choose about rows of weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qconv.numerics.grids import TERNARY, Grid
from qconv.numerics.schemes import Granularity, PerBlock, PerTensor

Solver = Literal["gptq", "adaround"]
"""Methods that need the Gram matrix of the inputs; they start from levels of other ones."""

Method = Literal["rtn", "mse", "hqq"] | Solver

BY_MOMENTS: tuple[Solver, ...] = ("gptq", "adaround")


@dataclass(frozen=True)
class RowSettings:
    """How rows ``[R, K]`` are quantized.

    Args:
        grid: the numbers to round to.
        granularity: what shares a scale: all rows, each row, or each block of one.
        symmetric: whether zero points are zero.
        method: how scales and levels are found.
        searched: whether solvers start from scales of least error, rather than those of the range.
        damping: gptq: share of the mean diagonal that is added to the diagonal of the Gram matrix,
            so that inputs that were hardly seen do not take up the errors of the others.
        activation_order: gptq: round the columns of the strongest inputs first.
        sweeps: gptq: passes of coordinate descent after it.
        refit: gptq: fit the scales to the levels again after each of these passes.

    Raises:
        ValueError: the grid has no zero point, or no negative numbers where it needs them; or
            "adaround" is to round to something else than integers.
    """

    grid: Grid
    granularity: Granularity
    symmetric: bool
    method: Method
    searched: bool = True
    damping: float = 0.01
    activation_order: bool = True
    sweeps: int = 3
    refit: bool = True

    def __post_init__(self) -> None:
        if self.symmetric and self.grid.low >= 0:
            raise ValueError(f"a symmetric grid has negative levels: {self.grid.name}")
        if not self.symmetric and not self.grid.is_integer:
            raise ValueError(f"only grids of integers have zero points: {self.grid.name}")
        if self.method == "adaround" and not self.grid.is_integer:
            raise ValueError(f"adaround goes up or down to integers, not to {self.grid.name}")

    @property
    def shared(self) -> bool:
        """Whether all rows have one scale."""
        return isinstance(self.granularity, PerTensor)

    def block(self, columns: int) -> int:
        """Return how many of so many columns share a scale."""
        if isinstance(self.granularity, PerBlock):
            return min(self.granularity.size, columns)
        return columns

    @property
    def is_ternary(self) -> bool:
        """Whether weights become -scale, 0 or scale."""
        return self.symmetric and self.grid.levels == TERNARY.levels
