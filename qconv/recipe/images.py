"""How pixels become a model's numbers: the user's choices, and the usual presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from qconv.recipe.fields import Checked, Range, setting

Preset = Literal["imagenet-torch", "imagenet-tf", "none"]
Filter = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
"""In the order of Pillow's numbers for them."""


@dataclass(frozen=True)
class ImageOptions(Checked):
    """How an image file becomes a feed: resize, crop, ``(pixel - mean) / std``.

    Attributes:
        fit: how an image gets the height and width that are wanted. ``crop`` resizes the shorter
            side and cuts out the centre; ``stretch`` resizes both sides; ``pad`` resizes the
            longer side and adds borders of ``fill`` on both sides; ``none`` does nothing.
        size: with ``crop`` the length in pixels that the shorter side is resized to; None does
            not resize, save where ``crop`` is None too. With ``stretch`` and ``pad`` height and
            width in pixels, or one number for both; None takes the model's own.
        crop: height and width in pixels of the centre that is cut out, or one number for both.
            None takes the model's own height and width where these are fixed, and the whole
            image where they are not. With ``size`` None as well, an image is first resized to
            just cover the model's height and width.
        fill: the colour of borders, 0 to 255; one number, or one per channel in RGB.
        filter: how pixels are interpolated, as Pillow does it: smoothed where an image shrinks.
        mean: subtracted from each pixel, in pixel units (0 to 255); one number, or one per
            channel in the order in which the model is fed.
        std: divided by after that, in pixel units. A model with a float input needs ``mean`` or
            ``std``; the one left out is 0 or 1. A model with a uint8 input takes neither.
        order: order of the colours.
        layout: place of the channel axis; ``auto`` reads it from the model's input.
        exif: whether photographs are turned upright, as their metadata say.
        labels: CSV file with the columns ``file`` and ``label``: only the files it lists are
            used. Without it, ``labels.csv`` is looked for in the folder, then in its parent,
            and must name every image there is; else the folders that images lie in are their
            classes, where there are several.

    Raises:
        UsageError: a value is out of bounds.
    """

    fit: Literal["crop", "stretch", "pad", "none"] = setting("crop", option="image_fit")
    size: int | tuple[int, int] | None = setting(
        None,
        option="image_size",
        within=Range(1),
        goes_with={"fit": ("crop", "stretch", "pad")},
    )
    crop: int | tuple[int, int] | None = setting(
        None, option="image_crop", within=Range(1), goes_with={"fit": ("crop", "stretch")}
    )
    fill: float | tuple[float, ...] = setting(
        0, option="image_fill", within=Range(0, 255), goes_with={"fit": ("pad",)}
    )
    filter: Literal[Filter] = setting("bilinear", option="image_filter")
    mean: float | tuple[float, ...] | None = setting(None, option="image_mean")
    std: float | tuple[float, ...] | None = setting(
        None, option="image_std", within=Range(0, open=True)
    )
    order: Literal["rgb", "bgr"] = setting("rgb", option="image_order")
    layout: Literal["auto", "nchw", "nhwc"] = setting("auto", option="image_layout")
    exif: bool = setting(True, option="image_exif")
    labels: Path | None = None

    @property
    def crop_shape(self) -> tuple[int, int] | None:
        """Height and width of the crop in pixels."""
        return _both(self.crop)

    @property
    def size_shape(self) -> tuple[int, int] | None:
        """Height and width that images are stretched or padded to, in pixels."""
        return _both(self.size)


def _both(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size


def channels(value: float | tuple[float, ...] | None, default: float) -> tuple[float, ...]:
    """Return a mean or std as a tuple: one number for all channels, or one for each."""
    if value is None:
        return (default,)
    return value if isinstance(value, tuple) else (value,)


IMAGE_PRESETS: Mapping[Preset, ImageOptions] = MappingProxyType(
    {
        "imagenet-torch": ImageOptions(
            size=256,
            crop=224,
            mean=(255 * 0.485, 255 * 0.456, 255 * 0.406),
            std=(255 * 0.229, 255 * 0.224, 255 * 0.225),
        ),
        "imagenet-tf": ImageOptions(size=256, crop=224, mean=127.5, std=127.5),
        "none": ImageOptions(),
    }
)
"""The first two resize the shorter side to 256 and cut out the centre 224 x 224, in RGB.

``imagenet-torch`` is what torchvision's classifiers are evaluated with:
``(pixel / 255 - mean) / std`` with mean .485 .456 .406 and std .229 .224 .225.
``imagenet-tf`` is the Inception and MobileNet way: ``(pixel - 127.5) / 127.5``, from -1 to 1
(224 / 256 is their central fraction, 0.875). Replace ``size`` and ``crop`` for another input.
"""
