"""What a model's inputs and outputs look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of a model's input or output.

    ``shape`` holds an int for a fixed axis, a str for a named dynamic axis and None for an
    unnamed dynamic axis; it is None where the rank itself is unknown.
    """

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int | str | None, ...] | None
