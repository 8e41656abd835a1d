"""The options that say what data a command reads, shared by the commands that need some."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from qconv.cli.paths import FilePath

if TYPE_CHECKING:
    from qconv.data import ImageOptions, NamedData

PRESETS = ("imagenet-torch", "imagenet-tf")


def _numbers(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Read one number, or several parted by commas."""
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"'{value}' is not a number, nor numbers parted by commas", context, parameter
        ) from None


def _crop(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read ``224`` or ``192x320``: height and width in pixels."""
    if value is None:
        return None
    parts = value.lower().split("x")
    lengths = [int(part) if part.isdecimal() and len(part) < 10 else 0 for part in parts]
    if len(lengths) > 2 or min(lengths) < 1:
        raise click.BadParameter(
            f"'{value}' is neither a number of pixels nor HEIGHTxWIDTH", context, parameter
        )
    return lengths[0], lengths[-1]


@dataclass(frozen=True)
class DataArguments:
    """What the user said about the data."""

    data: tuple[str, ...]
    samples: int | None
    image_preset: str | None
    image_size: int | None
    image_crop: tuple[int, int] | None
    image_mean: tuple[float, ...] | None
    image_std: tuple[float, ...] | None
    image_order: Literal["rgb", "bgr"] | None
    image_layout: Literal["auto", "nchw", "nhwc"] | None
    labels: Path | None

    def images(self) -> ImageOptions | None:
        """Return the preset with the single options over it, or None where none is given.

        Raises:
            UsageError: a number is out of range.
        """
        from qconv.data import ImageOptions, image_preset

        given: dict[str, Any] = {
            "size": self.image_size,
            "crop": self.image_crop,
            "mean": self.image_mean,
            "std": self.image_std,
            "order": self.image_order,
            "layout": self.image_layout,
            "labels": self.labels,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if not given and self.image_preset is None:
            return None
        base = ImageOptions() if self.image_preset is None else image_preset(self.image_preset)
        return dataclasses.replace(base, **given)

    def named(self) -> NamedData:
        """Return the data, to be opened for a model.

        Raises:
            UsageError: a number is out of range.
        """
        from qconv.data import NamedData

        return NamedData(self.data, self.samples, self.images())


def data_options(*, required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options for data; it receives them as one argument ``data``.

    ``required`` makes ``--data`` mandatory; without it, ``data.data`` may be empty.
    """
    options = [
        click.option(
            "--data",
            metavar="DATA",
            multiple=True,
            required=required,
            help="Samples to read: a .npz file whose arrays bear the inputs' names (first axis: "
            "samples), a folder of .npz, .npy or image files, an ONNX test_data_set_* folder, "
            "or script.py:function. Repeat to join several.",
        ),
        click.option(
            "--samples",
            metavar="N",
            type=click.IntRange(min=1),
            help="Use N samples, spread evenly over all the data.  [default: all]",
        ),
        click.option(
            "--image-preset",
            type=click.Choice(PRESETS),
            help="Images: shorter side to 256, centre 224 x 224, RGB, then (pixel / 255 - mean) "
            "/ std of ImageNet (imagenet-torch) or (pixel - 127.5) / 127.5 (imagenet-tf). "
            "The options below replace its parts.",
        ),
        click.option(
            "--image-size",
            metavar="PIXELS",
            type=click.IntRange(min=1),
            help="Images: resize the shorter side to this length.  [default: no resizing if "
            "--image-crop is given, else just enough to cover the model's input]",
        ),
        click.option(
            "--image-crop",
            metavar="PIXELS|HxW",
            callback=_crop,
            help="Images: cut out the centre, a square or height x width.  [default: the "
            "model's height and width]",
        ),
        click.option(
            "--image-mean",
            metavar="M[,M,M]",
            callback=_numbers,
            help="Images: subtract this from each pixel (0 to 255); one number, or one per "
            "channel.  [default: 0 if --image-std is given]",
        ),
        click.option(
            "--image-std",
            metavar="S[,S,S]",
            callback=_numbers,
            help="Images: then divide by this, in the same units; 255 alone feeds 0 to 1.  "
            "[default: 1 if --image-mean is given]",
        ),
        click.option(
            "--image-order",
            type=click.Choice(["rgb", "bgr"]),
            help="Images: order of the colours.  [default: rgb]",
        ),
        click.option(
            "--image-layout",
            type=click.Choice(["auto", "nchw", "nhwc"]),
            help="Images: place of the channel axis.  [default: auto, from the model's shape]",
        ),
        click.option(
            "--labels",
            metavar="FILE",
            type=FilePath(),
            help="Images: CSV with the columns file and label; only files it lists are used.  "
            "[default: labels.csv in the folder or its parent, if there is one]",
        ),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_data(**arguments: Any) -> Any:
            mine = {
                field.name: arguments.pop(field.name) for field in dataclasses.fields(DataArguments)
            }
            return command(data=DataArguments(**mine), **arguments)

        decorated: Callable[..., Any] = with_data
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
