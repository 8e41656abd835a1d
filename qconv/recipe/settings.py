"""What may be chosen for each kind of conversion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

from qconv.errors import UsageError
from qconv.plugins import added_names
from qconv.recipe.fields import Checked, Range, setting
from qconv.recipe.layer_rule import layer_rules

Activations = Literal["uint8", "int8", "int16"]
Embeddings = Literal["auto", "int8", "int4", "float"]
Equalize = Literal["auto", "on", "off"]
Effort = Literal["fast", "balanced", "best"]
RangeMethod = Literal["auto", "minmax", "clip", "percentile", "entropy", "mse", "layers"] | str
"""One of these, or the name of an estimator that an installed package adds."""
Gates = Literal["auto", "on", "off"]
HalfType = Literal["fp16", "bf16"]
WeightType = Literal[
    "int8", "uint8", "int4", "uint4", "int3", "int2", "uint2", "ternary", "binary", "fp8e4m3",
    "fp8e5m2",
]  # fmt: skip
WITHOUT_ADAROUND = ("ternary", "binary", "fp8e4m3", "fp8e5m2")
"""Types whose numbers are no integers of 2 to 8 bits, between which AdaRound chooses."""


def _expressions(texts: tuple[str, ...], option: str) -> None:
    for text in texts:
        if not text:
            raise UsageError(
                f"`{option}`: an empty expression matches every operator",
                hint=f"give an expression for names or types: `{option}=Gemm`",
            )
        try:
            re.compile(text)
        except re.error as error:
            raise UsageError(
                f"`{option}`: '{text}' is not a regular expression: {error}"
            ) from error


def _range_method(method: str) -> None:
    own = get_args(get_args(RangeMethod)[0])
    if method in own:
        return
    known = [*own, *added_names("estimator")]
    if method not in known:
        near = get_close_matches(method.lower(), known, n=1)
        raise UsageError(
            f"`method` is '{method}'; it must be {', '.join(own)}, or an estimator that an "
            "installed package adds",
            hint=f"did you mean {near[0]}?" if near else None,
        )


def _is_count(text: str | int) -> bool:
    return isinstance(text, int) or text.isdecimal()


def _float_layers(given: tuple[str | int, ...]) -> None:
    counts = [str(each) for each in given if _is_count(each)]
    if len(counts) > 1:
        raise UsageError(
            f"`float_layers` takes one number of layers, not {' and '.join(counts)}",
            hint="you can also give expressions for names or types",
        )
    _expressions(tuple(str(each) for each in given), "float_layers")


def _float_operators(given: tuple[str | int, ...]) -> None:
    counts = [each for each in given if _is_count(each)]
    if counts:
        raise UsageError(
            f"`float_layers` is {counts[0]}, which needs `dtype=int8` `mode=static`",
            hint="other types take names or types of operators",
        )
    _expressions(tuple(map(str, given)), "float_layers")


@dataclass(frozen=True)
class Int8Settings(Checked):
    """How INT8 is made.

    Attributes:
        method: how ranges are read from the statistics; ``clip`` takes the least squared error
            among ranges that clip at most 0.01 % of the data; ``auto`` tries ``clip``, ``minmax``
            and ``mse`` on samples and takes what has the least error at the model's outputs, and
            ``clip`` where there are no samples; ``layers`` tries those of all methods on what
            layers read; other names are those of estimators that installed packages add.
        percentile: percent of the data inside the range, for the method ``percentile``.
        gates: whether a range is chosen by the error behind the operator that reads the value, such
            as SiLU, which erases large negative numbers; ``auto`` tries both if the method does,
            and else does not.
        bias_correction: whether the mean error of the weights is taken out of the biases.
        portable: whether weights are kept from saturating on x64 CPUs without VNNI; None leaves
            it to the target.
        effort: ``fast`` is ranges and bias correction, ``balanced`` adds GPTQ, ``best`` rounds
            each layer on what the quantized layers before it give.
        algorithm: how weights are rounded, ``auto`` by the effort.
        granularity: whether all weights of a layer share a scale, or those of a channel, which is
            ``auto``.
        weights: the numbers that weights are rounded to.
        embeddings: type of embeddings; ``auto`` is int8.
        reduce_range: whether weights have 7 bits, -63 to 63, which rules saturation out, too.
        smooth: ``off``, the exponent by which ranges move from activations into weights, or
            ``auto`` to search it for each value.
        equalize: whether channels are scaled across layers: ``on`` wherever it leaves the outputs
            as they are, ``auto`` where the predicted error falls by 3 dB or more.
        format: ``operator`` writes products that give floats as the runtime's own operator,
            ``qdq`` keeps to QuantizeLinear and DequantizeLinear; None takes the first where the
            target is ONNX Runtime.
        activations: their type; ``int16`` needs hardware or a runtime that computes with it; None
            takes the target's first.
        float_layers: regular expressions: operators in whose name or type one of them is found
            stay in float; and at most one number: so many layers with the largest error of their
            own do.
        layers: rules ``REGEX=TYPE`` or ``REGEX=TYPE:SHARE`` for single layers, see
            :class:`qconv.recipe.layer_rule.LayerRule`; the first that is found decides.

    Raises:
        UsageError: a value is not one of those, or has no effect beside the others.
    """

    method: RangeMethod = setting("auto", must=_range_method)
    percentile: float = setting(
        99.99, within=Range(50, 100, open=True), goes_with={"method": ("percentile",)}
    )
    gates: Literal["auto", "on", "off"] = setting(
        "auto", goes_with={"method": ("auto", "minmax", "clip", "mse")}
    )
    bias_correction: bool = True
    portable: bool | None = None
    effort: Effort = "balanced"
    algorithm: Literal["auto", "rtn", "gptq", "adaround"] = "auto"
    granularity: Literal["auto", "tensor", "channel"] = "auto"
    weights: Literal["int8", "int4"] = "int8"
    embeddings: Embeddings = "auto"
    reduce_range: bool = setting(False, goes_with={"weights": ("int8",)})
    smooth: Literal["auto", "off"] | float = setting("auto", within=Range(0, 1))
    equalize: Equalize = "auto"
    format: Literal["operator", "qdq"] | None = None
    activations: Activations | None = None
    float_layers: tuple[str | int, ...] = setting((), within=Range(0), must=_float_layers)
    layers: tuple[str, ...] = setting((), must=layer_rules)

    @property
    def float_count(self) -> int:
        """How many layers with the largest error of their own stay in float."""
        return sum(int(each) for each in self.float_layers if _is_count(each))

    @property
    def float_patterns(self) -> tuple[str, ...]:
        """The regular expressions for operators that stay in float."""
        return tuple(str(each) for each in self.float_layers if not _is_count(each))

    @property
    def needs_samples(self) -> bool:
        """Whether a record is not enough."""
        return self.sequential or self.method == "layers"

    @property
    def sequential(self) -> bool:
        """Whether layers are rounded one after another."""
        return self.effort == "best"

    @property
    def solver(self) -> Literal["gptq", "adaround"] | None:
        """What rounds weights by second moments, if something does."""
        if self.algorithm == "auto":
            return None if self.effort == "fast" else "gptq"
        return None if self.algorithm == "rtn" else self.algorithm


@dataclass(frozen=True)
class DynamicSettings(Checked):
    """How INT8 is made whose activations are quantized at run time.

    Attributes:
        portable: whether weights are kept from saturating on x64 CPUs without VNNI; None leaves
            it to the target.
        embeddings: type of embeddings; ``auto`` is int8.
        mode: tells these settings from others in the metadata of a model.
        layers: rules ``REGEX=float`` for single layers, see
            :class:`qconv.recipe.layer_rule.LayerRule`; the first that is found decides.
    """

    portable: bool | None = None
    embeddings: Embeddings = "auto"
    mode: Literal["dynamic"] = "dynamic"
    layers: tuple[str, ...] = setting((), must=layer_rules)


@dataclass(frozen=True)
class WeightOnlySettings(Checked):
    """How weights alone are stored in few bits, while activations stay float.

    Attributes:
        dtype: the type; those with ``u`` have a zero point.
        algorithm: how weights are rounded: ``auto`` takes ``gptq`` where there are second moments
            of the inputs, else ``mse``, and ``rtn`` for one bit; ``awq`` scales the inputs of
            products first; ``adaround`` is for integers, which ternary does not count as.
        granularity: what shares a scale; ``auto`` is a block below 8 bits, else a channel.
        block_size: inputs of a block; ``auto`` is 128, and 64 below 4 bits.
        embeddings: type of embeddings; ``auto`` is int8 for 8-bit types, else int4.
        format: ``operator`` for the runtime's own operators, ``qdq`` for DequantizeLinear; None
            takes the first where the target is ONNX Runtime.
        bias_correction: whether the mean error of the weights is taken out of the biases, where
            the means of the inputs are known.
        sequential: whether the inputs of later layers are measured again with the earlier ones
            quantized.
        layers: rules ``REGEX=TYPE`` or ``REGEX=TYPE:SHARE`` for single layers, see
            :class:`qconv.recipe.layer_rule.LayerRule`; the first that is found decides.

    Raises:
        UsageError: a value is not one of those, or has no effect beside the others.
    """

    dtype: WeightType = "int4"
    algorithm: Literal["auto", "rtn", "mse", "hqq", "gptq", "awq", "adaround"] = "auto"
    granularity: Literal["auto", "tensor", "channel", "block"] = "auto"
    block_size: Literal["auto", 16, 32, 64, 128, 256] = setting(
        "auto", goes_with={"granularity": ("auto", "block")}
    )
    embeddings: Embeddings = "auto"
    format: Literal["operator", "qdq"] | None = None
    bias_correction: bool = True
    sequential: bool = False
    layers: tuple[str, ...] = setting((), must=layer_rules)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.algorithm == "adaround" and self.dtype in WITHOUT_ADAROUND:
            raise UsageError(
                "`algorithm=adaround` rounds up or down to integers of 2 to 8 bits, "
                f"not to {self.dtype}"
            )


@dataclass(frozen=True)
class HalfSettings(Checked):
    """How FP16 or BF16 is made.

    Attributes:
        dtype: the type.
        float_layers: regular expressions; operators whose name or type one of them is found in
            keep float32.
        io: type of the model's float inputs and outputs, fp32 or that of the model.
        storage_only: store weights in bfloat16 behind a Cast and compute in float32, which keeps
            all operators, inputs and outputs.
        layers: rules ``REGEX=float`` for single layers, see
            :class:`qconv.recipe.layer_rule.LayerRule`; the first that is found decides.

    Raises:
        UsageError: a value is not one of those, or has no effect beside the others.
    """

    dtype: HalfType = "fp16"
    float_layers: tuple[str | int, ...] = setting((), must=_float_operators)
    io: Literal["fp32", "fp16", "bf16"] = "fp32"
    storage_only: bool = setting(False, goes_with={"dtype": ("bf16",)})
    layers: tuple[str, ...] = setting((), must=layer_rules)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.io not in ("fp32", self.dtype):
            raise UsageError(f"`io={self.io}` needs `dtype={self.io}`")
        if self.storage_only and (self.float_layers or self.io != "fp32"):
            other = "float_layers" if self.float_layers else "io"
            raise UsageError(
                f"`{other}` has no effect with `storage_only`, which computes in float32 throughout"
            )


@dataclass(frozen=True)
class Float32Settings(Checked):
    """A float32 model from one of float64, float16 or bfloat16; there is nothing to choose."""


Settings = Int8Settings | DynamicSettings | WeightOnlySettings | HalfSettings | Float32Settings


def dtype_of(settings: Settings) -> str:
    """Return the name of the settings' type."""
    if isinstance(settings, Int8Settings | DynamicSettings):
        return "int8"
    return "fp32" if isinstance(settings, Float32Settings) else settings.dtype


def runs_on_cpu(settings: Settings) -> bool:
    """Whether the runtime's CPU provider has kernels for the type; for bfloat16 it has none."""
    if not isinstance(settings, HalfSettings):
        return True
    return settings.dtype != "bf16" or settings.storage_only
