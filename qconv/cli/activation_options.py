"""Options of ``qconv convert`` that say how static INT8 treats activations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from qconv.conversions.settings import Int8Settings


@dataclass(frozen=True)
class ActivationArguments:
    """The options as they were given."""

    dtype: Literal["uint8", "int8", "int16"]
    smooth: str
    equalize: Literal["auto", "on", "off"]

    def applied(self, settings: Int8Settings) -> Int8Settings:
        """Return settings with these options."""
        return replace(settings, activations=self.dtype, smooth=self.smooth, equalize=self.equalize)


ACTIVATION_PARAMETERS = ("activations", "smooth", "equalize")


def _strength(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Read the strength of smoothing: ``auto``, ``off`` or a number from 0 to 1."""
    if value in ("auto", "off"):
        return value
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        wrong = f"'{value}' is not auto, off or a number from 0 to 1"
        raise click.BadParameter(wrong, context, parameter)
    return str(number)


_OPTIONS = (
    click.option(
        "--activations",
        type=click.Choice(["uint8", "int8", "int16"]),
        default="uint8",
        show_default=True,
        help="int8: type of activations. CPUs are fast with uint8 alone: int8 is slower, and int16 "
        "is computed in float there.",
    ),
    click.option(
        "--smooth",
        callback=_strength,
        metavar="auto|off|A",
        default="auto",
        show_default=True,
        help="int8: move the range of outlier channels of what products read into their weights "
        "(SmoothQuant); auto searches the exponent for each value, a number from 0 to 1 sets it.",
    ),
    click.option(
        "--equalize",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="int8: scale channels of one layer's output against the next layer's weights, which "
        "leaves the float model as it is: on does so wherever that holds, auto where the predicted "
        "error falls by 3 dB or more.",
    ),
)


def activation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one argument ``activations``."""

    @functools.wraps(command)
    def with_activations(**arguments: Any) -> Any:
        given = ActivationArguments(*(arguments.pop(name) for name in ACTIVATION_PARAMETERS))
        return command(activations=given, **arguments)

    for option in reversed(_OPTIONS):
        with_activations = option(with_activations)
    return with_activations
