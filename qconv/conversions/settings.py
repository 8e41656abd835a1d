"""What a user may choose for each type that a model can be converted to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from qconv.algorithms.rows import Solver
from qconv.errors import UsageError
from qconv.numerics.grids import TERNARY
from qconv.numerics.stored import STORED_TYPES
from qconv.observers.estimators import Method

Activations = Literal["uint8", "int8", "int16"]
Embeddings = Literal["auto", "int8", "int4", "float"]
Equalize = Literal["auto", "on", "off"]


RangeMethod = Method | Literal["layers"]
Effort = Literal["fast", "balanced", "best"]


@dataclass(frozen=True)
class Int8Settings:
    """How INT8 is made.

    Attributes:
        method: how ranges are read from the statistics; ``auto`` takes the least squared error
            among ranges that clip at most 0.01 % of the data; ``layers`` tries those of all methods
            on what layers read.
        percentile: percent of the data inside the range, for the method ``percentile``.
        bias_correction: whether the mean error of the weights is taken out of the biases.
        portable: whether weights are kept from saturating on x64 CPUs without VNNI.
        effort: ``fast`` is ranges and bias correction, ``balanced`` adds GPTQ, ``best`` rounds
            each layer on what the quantized layers before it give.
        algorithm: how weights are rounded, ``auto`` by the effort.
        granularity: whether all weights of a layer share a scale, or those of a channel.
        weight_bits: width of the numbers that weights are rounded to, 8 or 4.
        embeddings: type of embeddings; ``auto`` is int8.
        reduce_range: whether weights have 7 bits, -63 to 63, which rules saturation out, too.
        smooth: ``off``, the exponent by which ranges move from activations into weights, or
            ``auto`` to search it for each value.
        equalize: whether channels are scaled across layers: ``on`` wherever it leaves the outputs
            as they are, ``auto`` where the predicted error falls by 3 dB or more.
        format: ``operator`` writes products that give floats as the runtime's own operator,
            ``qdq`` keeps to QuantizeLinear and DequantizeLinear.
        activations: their type; ``int16`` needs hardware or a runtime that computes with it.
        float_layers: regular expressions; operators in whose name or type one of them is found
            stay in float.
        float_count: how many layers with the largest error of their own stay in float.

    Raises:
        UsageError: one of ``float_layers`` is empty, or no regular expression.
    """

    method: RangeMethod = "auto"
    percentile: float = 99.99
    bias_correction: bool = True
    portable: bool = True
    effort: Effort = "balanced"
    algorithm: Literal["auto", "rtn", "gptq", "adaround"] = "auto"
    granularity: Literal["channel", "tensor"] = "channel"
    weight_bits: Literal[8, 4] = 8
    embeddings: Embeddings = "auto"
    reduce_range: bool = False
    smooth: str = "auto"
    equalize: Equalize = "auto"
    format: Literal["operator", "qdq"] = "operator"
    activations: Activations = "uint8"
    float_layers: tuple[str, ...] = ()
    float_count: int = 0

    def __post_init__(self) -> None:
        for pattern in self.float_layers:
            if not pattern:
                raise UsageError(
                    "--float-layers: an empty expression is found in every operator",
                    hint="give a number, or an expression for names or types: --float-layers Gemm",
                )
            try:
                re.compile(pattern)
            except re.error as error:
                raise UsageError(f"'{pattern}' is not a regular expression: {error}") from error

    @property
    def bits(self) -> int:
        """Width of the numbers that weights are rounded to."""
        return 7 if self.reduce_range and self.weight_bits == 8 else self.weight_bits

    @property
    def needs_samples(self) -> bool:
        """Whether a record is not enough."""
        return self.sequential or self.method == "layers"

    @property
    def sequential(self) -> bool:
        """Whether layers are rounded one after another."""
        return self.effort == "best"

    @property
    def wants_moments(self) -> bool:
        """Whether second moments of what layers read are of use."""
        return self.solver is not None

    @property
    def solver(self) -> Solver | None:
        """What rounds weights by second moments, if something does."""
        if self.algorithm == "auto":
            return None if self.effort == "fast" else "gptq"
        return None if self.algorithm == "rtn" else self.algorithm


@dataclass(frozen=True)
class DynamicSettings:
    """How INT8 is made whose activations are quantized on the way.

    Attributes:
        portable: whether weights are kept from saturating on x64 CPUs without VNNI.
        embeddings: type of embeddings; ``auto`` is int8.
        mode: tells these settings from others in the metadata of a model.
    """

    portable: bool = True
    embeddings: Embeddings = "auto"
    mode: Literal["dynamic"] = "dynamic"


@dataclass(frozen=True)
class WeightOnlySettings:
    """How weights alone are stored in few bits, while activations stay float.

    Attributes:
        dtype: ``int8``, ``uint8``, ``int4``, ``uint4``, ``int3``, ``int2``, ``uint2``,
            ``ternary``, ``binary``, ``fp8e4m3`` or ``fp8e5m2``; those with ``u`` have a zero point.
        algorithm: how weights are rounded: ``auto`` takes ``gptq`` where there are second moments
            of the inputs, else ``mse``, and ``rtn`` for one bit; ``awq`` scales the inputs of
            products first; ``adaround`` is for integers, which ternary does not count as.
        granularity: what shares a scale; ``auto`` is a block below 8 bits, else a channel.
        block_size: inputs of a block, a power of two from 16 to 256; None is 128, and 64 below 4
            bits.
        embeddings: type of embeddings; ``auto`` is int8 for 8-bit types, else int4.
        format: ``operator`` for the runtime's own operators, ``qdq`` for DequantizeLinear.
        bias_correction: whether the mean error of the weights is taken out of the biases, where
            the means of the inputs are known.
        sequential: whether the inputs of later layers are measured again with the earlier ones
            quantized.

    Raises:
        UsageError: the algorithm cannot round to the type.
    """

    dtype: str = "int4"
    algorithm: Literal["auto", "rtn", "mse", "hqq", "gptq", "awq", "adaround"] = "auto"
    granularity: Literal["auto", "tensor", "channel", "block"] = "auto"
    block_size: int | None = None
    embeddings: Embeddings = "auto"
    format: Literal["operator", "qdq"] = "operator"
    bias_correction: bool = True
    sequential: bool = False

    def __post_init__(self) -> None:
        grid = STORED_TYPES[self.dtype].grid
        if self.algorithm == "adaround" and (grid == TERNARY or not grid.is_integer):
            raise UsageError(
                f"adaround rounds up or down to integers of 2 to 8 bits, not to {self.dtype}",
                hint="choose another --algorithm for it",
            )


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


Settings = Int8Settings | DynamicSettings | WeightOnlySettings | HalfSettings | Float32Settings


def dtype_of(settings: Settings) -> str:
    """Return the name that the settings' type has on the command line."""
    if isinstance(settings, Int8Settings | DynamicSettings):
        return "int8"
    return "fp32" if isinstance(settings, Float32Settings) else settings.dtype


def runs_on_cpu(settings: Settings) -> bool:
    """Whether the runtime's CPU provider has kernels for the type; for bfloat16 it has none."""
    if not isinstance(settings, HalfSettings):
        return True
    return settings.dtype != "bf16" or settings.storage_only
