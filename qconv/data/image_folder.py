"""A folder of image files, each decoded, resized, cropped and scaled into one feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qconv.data.image_labels import absolute, find_labels, read_labels
from qconv.data.image_plan import ImagePlan, plan_images
from qconv.data.listing import files_in, natural_key
from qconv.data.source import Array, Sample, TensorSpec
from qconv.errors import DataError, UnsupportedError, foreign
from qconv.memory import require_unpacked
from qconv.recipe.images import ImageOptions

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM", "DIB", "JPEG2000")
"""What a file may hold, whatever its name: formats that Pillow decodes without another program."""

_EIGHT_BIT_MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
)


class ImageFolder:
    """One feed per image file, in natural order of the names.

    Colour is made grey for a model with one channel, grey and palettes are made RGB for three.
    Transparency is dropped; the orientation in a photograph's metadata is not applied.
    """

    def __init__(
        self, folder: Path, inputs: Sequence[TensorSpec], options: ImageOptions | None
    ) -> None:
        """Find the images and their labels, and resolve the options against the model.

        Raises:
            DataError: the model does not take images, or files and labels do not match.
            UnsupportedError: Pillow is not installed.
            UsageError: the options are incomplete, or contradict the model's input.
        """
        options = options or ImageOptions()
        self._plan = plan_images(options, inputs, str(folder))
        _require_pillow(folder)
        self._images, self._labels = _labelled(folder, options.labels)

    def __len__(self) -> int:
        return len(self._images)

    def check(self, indices: Iterable[int]) -> None:
        """Open the chosen files as far as their headers.

        Raises:
            DataError: a file is not an image, or has a size that does not fit.
        """
        for index in indices:
            path = self._images[index]
            with _opened(path) as image:
                self._plan.check((image.height, image.width), str(path))

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen images, decoded one at a time.

        Raises:
            DataError: an image is broken.
        """
        spec = self._plan.spec
        for index in indices:
            path = self._images[index]
            label = None if self._labels is None else self._labels[index]
            yield Sample({spec.name: _feed(path, self._plan)}, label, str(path))


def _labelled(folder: Path, table: Path | None) -> tuple[list[Path], list[int] | None]:
    """Return the images to use, and their labels where there is a table of them."""
    found = table or find_labels(folder)
    if found is None:
        return files_in(folder, IMAGE_SUFFIXES), None
    labels = read_labels(found, folder)
    if table is not None:
        home = absolute(folder)
        names = sorted((str(path.relative_to(home)) for path in labels), key=natural_key)
        if not names:
            raise DataError(f"{table}: lists no file of the folder {folder}")
        return [folder / name for name in names], [labels[home / name] for name in names]
    images = files_in(folder, IMAGE_SUFFIXES)
    missing = [path for path in images if absolute(path) not in labels]
    if missing:
        raise DataError(
            f"{missing[0]}: has no label in {found} "
            f"({len(missing)} of {len(images)} images have none)",
            hint=f"add its label, or give {found} as the labels to use only the files it lists",
        )
    return images, [labels[absolute(path)] for path in images]


def _require_pillow(folder: Path) -> None:
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(
            f"{folder}: reading images needs Pillow, which is not installed",
            hint="pip install pillow",
        ) from error


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


def _feed(path: Path, plan: ImagePlan) -> Array:
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


def _pixels(path: Path, plan: ImagePlan) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Return the image as [height, width, channels] uint8, resized and cropped."""
    import PIL.Image

    image: Image
    with _opened(path) as opened:
        plan.check((opened.height, opened.width), str(path))
        mode = "L" if plan.channels == 1 else "RGB"
        opened.load()
        image = opened if opened.mode == mode else opened.convert(mode)
    height, width = plan.resized((image.height, image.width))
    if (height, width) != (image.height, image.width):
        image = image.resize((width, height), PIL.Image.Resampling.BILINEAR)
    if plan.crop is not None:
        top, left = (
            round((have - want) / 2) for have, want in zip((height, width), plan.crop, strict=True)
        )
        image = image.crop((left, top, left + plan.crop[1], top + plan.crop[0]))
    return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, plan.channels)
