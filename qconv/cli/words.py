"""Numbers and types as the commands print them."""

from __future__ import annotations

from qconv.recipe.settings import Settings, WeightOnlySettings, dtype_of

_BECAME = {
    "int8": "in integers",
    "fp16": "in float16",
    "bf16": "in bfloat16",
    "fp32": "in float32",
}


def became(settings: Settings) -> str:
    """Return what operators compute in behind a conversion: ``in float16``."""
    dtype = dtype_of(settings)
    return f"with {dtype} weights" if isinstance(settings, WeightOnlySettings) else _BECAME[dtype]


def counted(number: int, noun: str) -> str:
    """Return ``1 sample`` or ``12 samples``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Return a number of bytes as ``528 bytes``, ``52.80 kB`` or ``12.35 MB``."""
    if number < 1000:
        return counted(number, "byte")
    return f"{number / 1e3:.2f} kB" if number < 100_000 else f"{number / 1e6:.2f} MB"
