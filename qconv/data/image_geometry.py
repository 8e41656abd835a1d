"""How an image gets the height and width that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qconv.data.input_checks import describe, format_shape
from qconv.data.source import TensorSpec
from qconv.errors import DataError, UsageError
from qconv.recipe.images import ImageOptions

Size = tuple[int, int]
"""Height and width in pixels."""

MOST_PIXELS = 178_956_970
"""Pixels of an image, as it is or resized: what Pillow decodes at most."""


@dataclass(frozen=True)
class Geometry:
    """What is done to the height and width of an image.

    Attributes:
        shorter: pixels that its shorter side is resized to.
        target: height and width that it is resized to, where ``shorter`` is None.
        covers: whether the image keeps its proportions and just covers ``target``.
        pads: whether it keeps them and just fits into ``target``, with borders around it.
        crop: height and width that are cut out of the centre after that.
    """

    shorter: int | None = None
    target: Size | None = None
    covers: bool = False
    pads: bool = False
    crop: Size | None = None

    def resized(self, image: Size) -> Size:
        """Return the height and width of an image after resizing, before the crop."""
        height, width = image
        if self.target is not None and self.covers:
            scale = max(self.target[0] / height, self.target[1] / width)
            return (
                max(self.target[0], round(height * scale)),
                max(self.target[1], round(width * scale)),
            )
        if self.target is not None:
            return self.target
        if self.shorter is None:
            return image
        if height <= width:
            return self.shorter, max(1, int(self.shorter * width / height))
        return max(1, int(self.shorter * height / width)), self.shorter

    def result(self, image: Size, where: str) -> Size:
        """Return the height and width that come of an image.

        Args:
            image: its own height and width in pixels.
            where: the file, for the message.

        Raises:
            DataError: it becomes too large, or the crop does not fit into it.
        """
        height, width = self.resized(image)
        told = f"{where}: the image is {image[1]} x {image[0]} pixels (width x height)"
        if self.pads and min(_fitted(image, (height, width))) < 1:
            raise DataError(
                f"{told}, too narrow to be seen in {width} x {height}",
                hint="leave it out, or choose the image fit stretch",
            )
        if height * width > MOST_PIXELS:
            raise DataError(
                f"{told}, and {width} x {height} after resizing; at most {MOST_PIXELS:,} pixels "
                "are handled",
                hint="choose a smaller image size",
            )
        if self.crop is None:
            return height, width
        if height < self.crop[0] or width < self.crop[1]:
            resized = "" if (height, width) == image else f", {width} x {height} after resizing"
            raise DataError(
                f"{told}{resized}, smaller than the crop {self.crop[1]} x {self.crop[0]}",
                hint="choose a larger image size, or a smaller crop",
            )
        return self.crop


def geometry_of(
    options: ImageOptions, spec: TensorSpec, axes: Sequence[int | str | None]
) -> Geometry:
    """Return what the options and the height and width of the input, ``axes``, come to.

    Raises:
        UsageError: they contradict each other, or are not enough.
    """
    height, width = axes
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    crop = _checked("crop", options.crop_shape, spec, axes)
    if options.fit == "none":
        return Geometry()
    if options.size is None and crop is None and fixed is None:
        raise UsageError(
            f"the model's input '{spec.name}', {describe(spec)}, takes images of more than one "
            "size, but none is given",
            hint="choose an image size or crop, or the image fit none, which keeps the size of "
            "each image",
        )
    if options.fit == "crop":
        if isinstance(options.size, tuple):
            raise UsageError(
                "an image size of height and width needs the image fit stretch or pad; with crop "
                "it is the length of the shorter side"
            )
        target = fixed if options.size is None and crop is None else None
        return Geometry(options.size, target, covers=True, crop=crop or fixed)
    if options.fit == "pad":
        return Geometry(target=_checked("size", options.size_shape, spec, axes) or fixed, pads=True)
    return Geometry(target=options.size_shape or crop or fixed, crop=crop or fixed)


def _checked(
    name: str, size: Size | None, spec: TensorSpec, axes: Sequence[int | str | None]
) -> Size | None:
    """Return height and width that are to be the input's, which has ``axes``.

    Raises:
        UsageError: they cannot be.
    """
    for length, axis in zip(size or axes, axes, strict=True):
        if isinstance(axis, int) and length != axis:
            raise UsageError(
                f"the image {name} of {format_shape(size or ())} (height, width) does not fit "
                f"the model's input '{spec.name}', {describe(spec)}",
                hint=f"leave the {name} out to take it from the model, or choose the model's own",
            )
    return size


def _fitted(image: Size, target: Size) -> Size:
    """Return the size of an image that is resized until it just fits, as Pillow rounds it."""
    height, width = image
    if width * target[0] > height * target[1]:
        return round(height / width * target[1]), target[1]
    return target[0], round(width / height * target[0])
