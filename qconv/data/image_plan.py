"""Image options and a model's input resolved to exact steps: sizes, tables, axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qconv.data.image_geometry import Geometry, Size, geometry_of
from qconv.data.input_checks import check_shape, describe, quoted
from qconv.data.source import TensorSpec
from qconv.errors import DataError, UsageError
from qconv.memory import require_free
from qconv.recipe.images import ImageOptions, channels

Factor = NDArray[np.floating]
"""One number per channel."""


@dataclass(frozen=True)
class ImagePlan:
    """The steps from a decoded image to a feed of ``spec``.

    Attributes:
        spec: the input.
        channels: 1 or 3.
        channels_last: whether they are its last axis.
        bgr: whether they are turned round.
        exif: whether the image is turned upright first.
        filter: how it is resized, as Pillow calls it.
        geometry: how it gets its height and width.
        fill: the colour of borders, [channels].
        affine: mean and std, [channels] each in the order of the model, in the type to compute in;
            None feeds the pixels as they are.
    """

    spec: TensorSpec
    channels: int
    channels_last: bool
    bgr: bool
    exif: bool
    filter: str
    geometry: Geometry
    fill: tuple[int, ...]
    affine: tuple[Factor, Factor] | None

    def check(self, image: Size, where: str) -> None:
        """Refuse an image whose feed would not have the input's shape.

        Args:
            image: height and width of the file in pixels.
            where: the file, for the message.

        Raises:
            DataError: the crop does not fit into it, or the model wants another shape.
        """
        height, width = self.geometry.result(image, where)
        pixels = (
            (height, width, self.channels) if self.channels_last else (self.channels, height, width)
        )
        batch = (1,) * (len(self.spec.shape or ()) - 3)
        check_shape((*batch, *pixels), self.spec, where)
        require_free(2 * math.prod(pixels) * self.spec.dtype.itemsize, f"{where}: the feed")


def plan_images(options: ImageOptions, inputs: Sequence[TensorSpec], where: str) -> ImagePlan:
    """Resolve the options against the model's only input, of 4 axes (3 without a batch axis).

    Raises:
        DataError: the model does not take images.
        UsageError: the options are incomplete, or contradict the model's input.
    """
    if len(inputs) != 1:
        raise DataError(
            f"{where}: a folder of images feeds a model with one input; "
            f"this model has {len(inputs)}: {quoted([spec.name for spec in inputs])}"
        )
    (spec,) = inputs
    if spec.shape is None or len(spec.shape) not in (3, 4):
        raise DataError(
            f"{where}: the model's input '{spec.name}' is {describe(spec)}; images feed an input "
            "of 4 axes (batch, channels, height, width in some order), or 3 without batch"
        )
    if len(spec.shape) == 4 and isinstance(spec.shape[0], int) and spec.shape[0] != 1:
        raise DataError(
            f"{where}: the model's input '{spec.name}' is {describe(spec)}, "
            f"but images are fed one at a time, but it needs {spec.shape[0]}",
            hint="give a .npz file of whole feeds, or make the model's batch axis dynamic",
        )
    last = _channels_last(options, spec)
    axes = spec.shape[-3:]
    count = axes[2] if last else axes[0]
    count = count if isinstance(count, int) else 3
    if count not in (1, 3):
        raise DataError(
            f"{where}: the model's input '{spec.name}' is {describe(spec)}, with {count} channels "
            f"in the layout {'nhwc' if last else 'nchw'}; images have 3, or 1 in grey"
        )
    height, width = axes[:2] if last else axes[1:]
    return ImagePlan(
        spec=spec,
        channels=count,
        channels_last=last,
        bgr=options.order == "bgr",
        exif=options.exif,
        filter=options.filter,
        geometry=geometry_of(options, spec, (height, width)),
        fill=_fill(options, spec, count),
        affine=_affine(options, spec, count),
    )


def _channels_last(options: ImageOptions, spec: TensorSpec) -> bool:
    if options.layout != "auto":
        return options.layout == "nhwc"
    axes = (spec.shape or ())[-3:]
    first, last = axes[0] in (1, 3), axes[2] in (1, 3)
    if first == last:
        raise UsageError(
            f"the layout of the model's input '{spec.name}', {describe(spec)}, cannot be found "
            f"from its shape: {'two axes' if first else 'no axis'} may be the channels",
            hint="choose the image layout nchw or nhwc",
        )
    return last


def _affine(options: ImageOptions, spec: TensorSpec, count: int) -> tuple[Factor, Factor] | None:
    """Return mean and std, [channels] each, or None where pixels are fed as they are."""
    stated = options.mean is not None or options.std is not None
    if spec.dtype == np.uint8:
        if stated:
            raise UsageError(
                f"the model's input '{spec.name}' is {describe(spec)}: "
                "it takes pixels as they are, without mean and std",
            )
        return None
    if spec.dtype.kind != "f":
        raise DataError(
            f"images feed float or uint8 inputs; the model's input '{spec.name}' is "
            f"{describe(spec)}"
        )
    if not stated:
        raise UsageError(
            f"the model's input '{spec.name}' is {describe(spec)}, but it is not known how "
            "pixels become its numbers",
            hint="choose `image_preset=imagenet-torch` or another one, or `image_mean` and "
            "`image_std` in pixel units: `image_std=1` feeds 0 to 255, `image_std=255` 0 to 1",
        )
    mean = _per_channel("mean", channels(options.mean, 0.0), spec, count)
    std = _per_channel("std", channels(options.std, 1.0), spec, count)
    return mean, std


def _fill(options: ImageOptions, spec: TensorSpec, count: int) -> tuple[int, ...]:
    """Return the colour of borders as Pillow takes it: [channels], in RGB."""
    colour = _per_channel("fill", channels(options.fill, 0.0), spec, count)
    return tuple(round(float(number)) for number in colour)


def _per_channel(name: str, numbers: Sequence[float], spec: TensorSpec, count: int) -> Factor:
    if len(numbers) not in (1, count):
        raise UsageError(
            f"the image {name} has {len(numbers)} numbers; the model's input '{spec.name}', "
            f"{describe(spec)}, has {count} channel{'s' if count > 1 else ''}",
            hint="give one number for all channels, or one for each",
        )
    return np.broadcast_to(np.array(numbers), count).astype(_working_type(spec))


def _working_type(spec: TensorSpec) -> np.dtype[np.floating]:
    """Return the type to scale pixels in: float32, or more where the input has more."""
    return np.dtype(np.float64 if spec.dtype == np.float64 else np.float32)
