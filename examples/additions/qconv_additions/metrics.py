"""A metric: ``--metric largest_error``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Outputs = Mapping[str, NDArray[np.generic]]


def largest_error(outputs: Outputs, sample: object, reference: Outputs) -> float:  # noqa: ARG001
    """Return the largest absolute difference from what the float model gives."""
    return max(float(np.abs(outputs[name] - reference[name]).max()) for name in reference)
