"""How pixels become a model's numbers: the user's choices, and the usual presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from qconv.errors import UsageError

Order = Literal["rgb", "bgr"]
Layout = Literal["auto", "nchw", "nhwc"]


@dataclass(frozen=True)
class ImageOptions:
    """How an image file becomes a feed: resize, crop, ``(pixel - mean) / std``.

    Attributes:
        size: length in pixels that the shorter side is resized to (bilinear, smoothed when it
            shrinks); None does not resize, save where ``crop`` is None too.
        crop: height and width in pixels of the centre that is cut out, or one number for both.
            None takes the model's own height and width where these are fixed, and the whole
            image where they are not. With ``size`` None as well, an image is first resized to
            just cover the model's height and width.
        mean: subtracted from each pixel, in pixel units (0 to 255); one number, or one per
            channel in the order in which the model is fed.
        std: divided by after that, in pixel units. A model with a float input needs ``mean`` or
            ``std``; the one left out is 0 or 1. A model with a uint8 input takes neither.
        order: order of the colours.
        layout: place of the channel axis; ``auto`` reads it from the model's input.
        labels: CSV file with the columns ``file`` and ``label``: only the files it lists are
            used. Without it, ``labels.csv`` is looked for in the folder, then in its parent,
            and must name every image there is.
    """

    size: int | None = None
    crop: int | tuple[int, int] | None = None
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    order: Order = "rgb"
    layout: Layout = "auto"
    labels: Path | None = None

    def __post_init__(self) -> None:
        lengths = [] if self.size is None else [self.size]
        lengths += [] if self.crop_shape is None else self.crop_shape
        if min(lengths, default=1) < 1:
            raise UsageError(f"image size and crop are in pixels, 1 or more: found {min(lengths)}")
        if not all(map(math.isfinite, (*channels(self.mean, 0.0), *channels(self.std, 1.0)))):
            raise UsageError("image mean and std must be finite numbers")
        if min(channels(self.std, 1.0)) <= 0:
            raise UsageError(
                f"image std must be above 0: found {min(channels(self.std, 1.0)):g}",
                hint="std 1 leaves the scale of the pixels as it is",
            )

    @property
    def crop_shape(self) -> tuple[int, int] | None:
        """Height and width of the crop in pixels."""
        return (self.crop, self.crop) if isinstance(self.crop, int) else self.crop


def channels(value: float | tuple[float, ...] | None, default: float) -> tuple[float, ...]:
    """Return a mean or std as a tuple: one number for all channels, or one for each."""
    if value is None:
        return (default,)
    return value if isinstance(value, tuple) else (value,)


IMAGE_PRESETS: Mapping[str, ImageOptions] = MappingProxyType(
    {
        "imagenet-torch": ImageOptions(
            size=256,
            crop=224,
            mean=(255 * 0.485, 255 * 0.456, 255 * 0.406),
            std=(255 * 0.229, 255 * 0.224, 255 * 0.225),
        ),
        "imagenet-tf": ImageOptions(size=256, crop=224, mean=127.5, std=127.5),
    }
)
"""Both resize the shorter side to 256 and cut out the centre 224 x 224, in RGB.

``imagenet-torch`` is what torchvision's classifiers are evaluated with:
``(pixel / 255 - mean) / std`` with mean .485 .456 .406 and std .229 .224 .225.
``imagenet-tf`` is the Inception and MobileNet way: ``(pixel - 127.5) / 127.5``, from -1 to 1
(224 / 256 is their central fraction, 0.875). Replace ``size`` and ``crop`` for another input.
"""


def image_preset(name: str) -> ImageOptions:
    """Return a preset by its name.

    Raises:
        UsageError: there is no preset of that name.
    """
    if name not in IMAGE_PRESETS:
        raise UsageError(
            f"there is no image preset '{name}'",
            hint=f"the presets are {' and '.join(IMAGE_PRESETS)}",
        )
    return IMAGE_PRESETS[name]
