"""What a user may choose for each type that a model can be converted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qconv.observers.estimators import Method


@dataclass(frozen=True)
class Int8Settings:
    """How INT8 is made.

    Attributes:
        method: how ranges are read from the statistics; ``auto`` takes the least squared error
            among ranges that clip at most 0.01 % of the data.
        percentile: percent of the data inside the range, for the method ``percentile``.
        bias_correction: whether the mean error of the weights is taken out of the biases.
        portable: whether weights are kept from saturating on x64 CPUs without VNNI.
    """

    method: Method = "auto"
    percentile: float = 99.99
    bias_correction: bool = True
    portable: bool = True


@dataclass(frozen=True)
class HalfSettings:
    """How FP16 or BF16 is made.

    Attributes:
        dtype: the type.
        keep_float: regular expressions; operators whose name or type one of them is found in
            keep float32.
        convert_io: whether the model's float32 inputs and outputs take the new type too.
        storage_only: store weights in the type behind a Cast and compute in float32.
    """

    dtype: Literal["fp16", "bf16"] = "fp16"
    keep_float: tuple[str, ...] = ()
    convert_io: bool = False
    storage_only: bool = False


@dataclass(frozen=True)
class Float32Settings:
    """A float32 model from one of float64, float16 or bfloat16; there is nothing to choose."""


Settings = Int8Settings | HalfSettings | Float32Settings


def dtype_of(settings: Settings) -> str:
    """Return the name that the settings' type has on the command line."""
    if isinstance(settings, Int8Settings):
        return "int8"
    return settings.dtype if isinstance(settings, HalfSettings) else "fp32"


def runs_on_cpu(settings: Settings) -> bool:
    """Whether the runtime's CPU provider has kernels for the type; for bfloat16 it has none."""
    if not isinstance(settings, HalfSettings):
        return True
    return settings.dtype != "bf16" or settings.storage_only
