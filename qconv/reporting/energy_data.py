"""How much energy the layers of a model would take: an estimate, not a measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENERGY_SOURCE = 'M. Horowitz, "Computing\'s energy problem", ISSCC 2014, 45 nm'


@dataclass(frozen=True)
class Energy:
    """Picojoules of one inference in Conv, Gemm and MatMul; those of the parts sum to the whole.

    Attributes:
        macs: multiplications, each with an addition, by the type that the runtime computes in.
        weight_bytes: of these layers in the file, scales included; each is read once, from DRAM.
        activation_bytes: that these layers read and write.
        compute_pj: of multiplications and additions.
        weights_pj: of weights.
        low_pj: all of it, with activations in a small SRAM.
        high_pj: all of it, with activations in DRAM.
        unknown: why the energy is not known; empty where it is.
    """

    macs: Mapping[str, int] = field(default_factory=dict)
    weight_bytes: int = 0
    activation_bytes: int = 0
    compute_pj: float = 0.0
    weights_pj: float = 0.0
    low_pj: float = 0.0
    high_pj: float = 0.0
    unknown: str = ""
