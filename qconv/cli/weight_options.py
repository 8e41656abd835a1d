"""Options of ``qconv convert`` that say how weights alone are stored in few bits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from qconv.conversions.settings import WeightOnlySettings

WEIGHT_TYPES = (
    *("int8", "uint8", "int4", "uint4", "int3", "int2", "uint2"),
    *("ternary", "binary", "fp8e4m3", "fp8e5m2"),
)


@dataclass(frozen=True)
class WeightArguments:
    """The options as they were given."""

    algorithm: Literal["auto", "rtn", "mse", "hqq", "gptq", "awq", "adaround"]
    granularity: Literal["auto", "tensor", "channel", "block"]
    block_size: int | None
    embeddings: Literal["auto", "int8", "int4", "float"]
    output_format: Literal["operator", "qdq"]
    sequential: bool

    def settings(self, dtype: str, *, bias_correction: bool) -> WeightOnlySettings:
        """Return the settings for one type."""
        from qconv.conversions.settings import WeightOnlySettings

        return WeightOnlySettings(
            dtype,
            self.algorithm,
            self.granularity,
            self.block_size,
            self.embeddings,
            self.output_format,
            bias_correction,
            self.sequential,
        )


WEIGHT_PARAMETERS = (
    *("algorithm", "granularity", "block_size", "embeddings", "output_format", "sequential"),
)

_OPTIONS = (
    click.option(
        "--algorithm",
        type=click.Choice(["auto", "rtn", "mse", "hqq", "gptq", "awq", "adaround"]),
        default="auto",
        show_default=True,
        help="weights: round to nearest, with scales of least squared error, half-quadratic, or "
        "GPTQ, AWQ or AdaRound, which need statistics; auto is gptq where there are some, else "
        "mse. Static int8 has rtn, gptq and adaround, and auto by --effort.",
    ),
    click.option(
        "--granularity",
        type=click.Choice(["auto", "tensor", "channel", "block"]),
        default="auto",
        show_default=True,
        help="weights: what shares a scale; auto is a block below 8 bits, else a channel. "
        "Static int8 has tensor and channel.",
    ),
    click.option(
        "--block-size",
        metavar="N",
        type=click.Choice(["auto", "16", "32", "64", "128", "256"]),
        default="auto",
        show_default=True,
        help="weights: inputs of a block: 16, 32, 64, 128 or 256; smaller ones are more exact, "
        "larger ones faster; auto is 128, and 64 below 4 bits. Those of embeddings are never "
        "above 32.",
    ),
    click.option(
        "--embeddings",
        type=click.Choice(["auto", "int8", "int4", "float"]),
        default="auto",
        show_default=True,
        help="int8, weights: type of embeddings; auto is int8 for 8-bit types, else int4.",
    ),
    click.option(
        "--format",
        "output_format",
        type=click.Choice(["operator", "qdq"]),
        default="operator",
        show_default=True,
        help="int8, weights: ONNX Runtime's own operators where they are faster, or "
        "QuantizeLinear and DequantizeLinear of standard ONNX alone.",
    ),
    click.option(
        "--sequential",
        is_flag=True,
        help="weights: with --data, measure again after each layer what the next ones read.",
    ),
)


def weight_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one argument ``weights``."""

    @functools.wraps(command)
    def with_weights(**arguments: Any) -> Any:
        own = {name: arguments.pop(name) for name in WEIGHT_PARAMETERS}
        size = own["block_size"]
        own["block_size"] = None if size == "auto" else int(size)
        return command(weights=WeightArguments(**own), **arguments)

    for option in reversed(_OPTIONS):
        with_weights = option(with_weights)
    return with_weights
