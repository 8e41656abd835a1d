"""Options of ``qconv convert`` that say how static INT8 is made."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from qconv.cli.choices import FiniteRange
from qconv.cli.weight_options import WeightArguments

if TYPE_CHECKING:
    from qconv.conversions.settings import Int8Settings

Algorithm = Literal["auto", "rtn", "gptq", "adaround"]
Granularity = Literal["channel", "tensor"]


@dataclass(frozen=True)
class Int8Arguments:
    """The options as they were given."""

    effort: Literal["fast", "balanced", "best"]
    method: Literal["auto", "minmax", "percentile", "entropy", "mse", "layers"]
    percentile: float
    weight_bits: Literal[8, 4]
    float_layers: tuple[str, ...]
    portable: bool
    reduce_range: bool

    def settings(self, weights: WeightArguments, *, bias_correction: bool) -> Int8Settings:
        """Return the settings, with what static INT8 shares with weights alone.

        Raises:
            UsageError: an algorithm or granularity is only for weights alone, or several numbers
                of layers are to stay in float.
        """
        from qconv.conversions.settings import Int8Settings
        from qconv.errors import UsageError

        algorithms: dict[str, Algorithm] = {
            "auto": "auto",
            "rtn": "rtn",
            "gptq": "gptq",
            "adaround": "adaround",
        }
        granularities: dict[str, Granularity] = {
            "auto": "channel",
            "channel": "channel",
            "tensor": "tensor",
        }
        for option, given, known in (
            ("--algorithm", weights.algorithm, algorithms),
            ("--granularity", weights.granularity, granularities),
        ):
            if given not in known:
                choices = ", ".join(known)
                raise UsageError(
                    f"{option} {given} is for weights alone; static int8 has {choices}"
                )
        counts = [text for text in self.float_layers if text.isdecimal()]
        if len(counts) > 1:
            listed = " and ".join(counts)
            raise UsageError(
                f"--float-layers takes one number of layers, not {listed}",
                hint="an expression for names or types may be given beside it, and repeated",
            )
        return Int8Settings(
            method=self.method,
            percentile=self.percentile,
            bias_correction=bias_correction,
            portable=self.portable,
            effort=self.effort,
            algorithm=algorithms[weights.algorithm],
            granularity=granularities[weights.granularity],
            weight_bits=self.weight_bits,
            float_layers=tuple(text for text in self.float_layers if not text.isdecimal()),
            float_count=sum(map(int, counts)),
            embeddings=weights.embeddings,
            reduce_range=self.reduce_range,
            format=weights.output_format,
        )


INT8_PARAMETERS = (
    *("effort", "method", "percentile", "weight_bits", "float_layers", "portable"),
    "reduce_range",
)

_OPTIONS = (
    click.option(
        "--effort",
        type=click.Choice(["fast", "balanced", "best"]),
        default="balanced",
        show_default=True,
        help="int8: fast reads ranges and corrects biases; balanced also rounds weights by GPTQ, "
        "which needs --data or a record with second moments; best needs --data, and minutes: it "
        "rounds each layer on what the quantized layers before it give.",
    ),
    click.option(
        "--method",
        type=click.Choice(["auto", "minmax", "percentile", "entropy", "mse", "layers"]),
        default="auto",
        show_default=True,
        help="int8: how ranges are read from the statistics; auto takes, for each value, the least "
        "squared error among ranges that clip at most 0.01 % of the data; layers tries the ranges "
        "of all of them on what layers read, and needs --data.",
    ),
    click.option(
        "--percentile",
        metavar="P",
        type=FiniteRange(50, 100, min_open=True),
        default=99.99,
        show_default=True,
        help="int8: percent of the data inside the range, for --method percentile.",
    ),
    click.option(
        "--weights",
        "weight_bits",
        type=click.Choice(["int8", "int4"]),
        default="int8",
        show_default=True,
        help="int8: the numbers that weights are rounded to; int4 halves the file, which runs as "
        "int8 does, for some accuracy, and raises the opset to 21.",
    ),
    click.option(
        "--float-layers",
        metavar="N|REGEX",
        multiple=True,
        help="int8: keep operators in float: those in whose name or type the expression is found, "
        "or the N layers with the largest error of their own, which needs --data. Expressions "
        "may be repeated; capital and small letters differ.",
    ),
    click.option(
        "--portable/--no-portable",
        default=True,
        show_default=True,
        help="int8: limit weights so that 16-bit sums cannot saturate on x64 CPUs without VNNI, "
        "where a file made without it can lose many points of accuracy.",
    ),
    click.option(
        "--reduce-range",
        is_flag=True,
        help="int8: 7-bit weights, -63 to 63, which cannot saturate either, but are coarser in "
        "every layer. --portable, the default, limits only where it has to.",
    ),
)


def int8_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one argument ``int8``."""

    @functools.wraps(command)
    def with_int8(**arguments: Any) -> Any:
        own = {name: arguments.pop(name) for name in INT8_PARAMETERS}
        own["weight_bits"] = 4 if own["weight_bits"] == "int4" else 8
        return command(int8=Int8Arguments(**own), **arguments)

    for option in reversed(_OPTIONS):
        with_int8 = option(with_int8)
    return with_int8
