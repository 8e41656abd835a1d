"""Small pictures of samples that are images."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

from qconv.data.source import Array, Feeds

SIDE = 64
"""Pixels of the longer side."""
_COLOURS = 64


def thumbnail(feeds: Feeds) -> str | None:
    """Return a PNG in base64 of the first input that looks like an image; None if none does.

    That is an array ``[1, C, H, W]`` or ``[1, H, W, C]`` of one or three channels. Its numbers are
    stretched to the range of a picture, whatever was done to its pixels before. None also where
    Pillow is not installed.
    """
    images = [pixels for array in feeds.values() if (pixels := _pixels(array)) is not None]
    if not images:
        return None
    try:
        from PIL import Image
    except ImportError:
        return None
    image = Image.fromarray(images[0])
    image.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    image.quantize(_COLOURS).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def _pixels(array: Array) -> NDArray[np.uint8] | None:
    """Return ``[H, W]`` or ``[H, W, 3]`` as bytes."""
    if array.ndim != 4 or not array.size or array.dtype.kind not in "fiu":
        return None
    rows = array[0]
    if rows.shape[0] in (1, 3):
        rows = np.moveaxis(rows, 0, -1)
    if rows.shape[-1] not in (1, 3) or min(rows.shape[:2]) < 8:
        return None
    numbers = np.nan_to_num(rows.astype(np.float64), nan=0, posinf=0, neginf=0)
    low, high = numbers.min(), numbers.max()
    scaled = (numbers - low) * (255 / (high - low) if high > low else 0)
    pixels: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
