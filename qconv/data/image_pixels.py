"""An image file as the pixels that a plan asks for, and as a feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qconv.data.image_geometry import Size
from qconv.data.image_plan import ImagePlan
from qconv.data.source import Array
from qconv.errors import DataError, UnsupportedError, foreign
from qconv.memory import require_unpacked

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM", "DIB", "JPEG2000")
"""What a file may hold, whatever its name: formats that Pillow decodes without another program."""

_EIGHT_BIT_MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
)
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What turns an image upright, by its EXIF orientation (Exif 2.32, 4.6.4); 1 is upright."""


def require_pillow(where: str) -> None:
    """Refuse images where Pillow is not installed.

    Raises:
        UnsupportedError: it names the place of the images.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(
            f"{where}: reading images needs Pillow, which is not installed",
            hint="pip install pillow",
        ) from error


def check_image(path: Path, plan: ImagePlan) -> None:
    """Open an image as far as its header.

    Raises:
        DataError: it is not an image, or has a size that does not fit.
    """
    with _opened(path) as image:
        plan.check(_upright_size(image, plan), str(path))


def read_feed(path: Path, plan: ImagePlan) -> Array:
    """Decode an image, and return what the model is fed.

    Raises:
        DataError: it is broken, or has a size that does not fit.
    """
    pixels = _pixels(path, plan)
    if plan.bgr:
        pixels = pixels[:, :, ::-1]
    if not plan.channels_last:
        pixels = pixels.transpose(2, 0, 1)
    feed: Array
    if plan.affine is None:
        feed = np.ascontiguousarray(pixels)
    else:
        mean, std = (
            number if plan.channels_last else number.reshape(-1, 1, 1) for number in plan.affine
        )
        scaled = pixels.astype(mean.dtype, order="C")
        scaled -= mean
        scaled /= std
        feed = scaled.astype(plan.spec.dtype, copy=False)
    return feed if len(plan.spec.shape or ()) == 3 else feed[np.newaxis]


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    import PIL.Image

    def told(error: Exception) -> DataError:  # Pillow's decoders raise whatever their parsers meet
        return DataError(
            f"{path}: cannot be read as an image: {error}", hint="replace or remove the file"
        )

    with foreign(told), PIL.Image.open(path, formats=_FORMATS) as image:
        if image.mode not in _EIGHT_BIT_MODES:
            raise DataError(
                f"{path}: has pixels of mode {image.mode}; images of 8 bits a channel are read",
                hint="convert it, or give the arrays as .npz",
            )
        pixels = image.width * image.height * (1 if len(image.getbands()) == 1 else 4)
        require_unpacked(path.stat().st_size, pixels, f"{path}: the image", DataError)
        yield image


def _turn(image: Image, plan: ImagePlan) -> str | None:
    """Return what turns an image upright, None if it is, or if its metadata cannot be read."""
    if not plan.exif:
        return None
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # metadata in a file of somebody else: their parser raises what it meets
        return None


def _upright_size(image: Image, plan: ImagePlan) -> Size:
    """Return height and width of an image once it is turned."""
    turned = _turn(image, plan) in ("TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
    return (image.width, image.height) if turned else (image.height, image.width)


def _pixels(path: Path, plan: ImagePlan) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Return the image as [height, width, channels] uint8, upright, resized and cropped."""
    import PIL.Image
    import PIL.ImageOps

    image: Image
    with _opened(path) as opened:
        plan.check(_upright_size(opened, plan), str(path))
        mode = "L" if plan.channels == 1 else "RGB"
        opened.load()
        turn = _turn(opened, plan)
        image = opened if opened.mode == mode else opened.convert(mode)
    if turn is not None:
        image = image.transpose(PIL.Image.Transpose[turn])
    resampling = PIL.Image.Resampling[plan.filter.upper()]
    geometry = plan.geometry
    height, width = geometry.resized((image.height, image.width))
    if geometry.pads:
        image = PIL.ImageOps.pad(image, (width, height), resampling, plan.fill)
    elif (height, width) != (image.height, image.width):
        image = image.resize((width, height), resampling)
    if geometry.crop is not None:
        crop = geometry.crop
        top, left = (
            round((have - want) / 2) for have, want in zip((height, width), crop, strict=True)
        )
        image = image.crop((left, top, left + crop[1], top + crop[0]))
    return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, plan.channels)
