"""What a model for the tests of preparation states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

IMAGE = "float[N, 4, H, W] x"
MAP = "float[M, C, K, L] y"
MATRIX = "float[N, 4] x"
OUT = "float[N, 8] y"


@dataclass(frozen=True)
class Case:
    """``nodes`` are the operators that a model of these nodes comes down to."""

    body: str
    weights: str
    nodes: Sequence[str]
    inputs: str = IMAGE
    outputs: str = MAP
    opset: int = 17
    ir: int = 8
