"""Samples that are images have a small picture; others have none."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from qconv.data.source import Array
from qconv.data.thumbnails import SIDE, thumbnail

R = np.random.default_rng(0)
COLOURS = np.zeros((1, 3, 40, 80), np.float32)
COLOURS[0, 0, :, :40] = 2
COLOURS[0, 2, :, 40:] = 2


def picture(array: Array) -> Image.Image:
    text = thumbnail({"n": np.zeros(3), "x": array})
    assert text is not None
    return Image.open(io.BytesIO(base64.b64decode(text)))


@pytest.mark.parametrize("array", [COLOURS, np.moveaxis(COLOURS, 1, -1), 5 - COLOURS * -100])
def test_colours_are_stretched_to_those_of_a_picture(array: Array) -> None:
    found = picture(array)
    assert (found.format, found.size) == ("PNG", (SIDE, SIDE // 2))
    pixels = np.asarray(found.convert("RGB"))
    assert pixels[10, 5].tolist() == [255, 0, 0]
    assert pixels[10, -5].tolist() == [0, 0, 255]


def test_grey_is_grey() -> None:
    found = picture(R.normal(size=(2, 1, 300, 20)).astype(np.float32))
    assert found.size == (4, SIDE)
    pixels = np.asarray(found.convert("RGB"))
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_it_is_small() -> None:
    noise = R.integers(0, 256, (1, 3, 224, 224)).astype(np.uint8)
    text = thumbnail({"x": noise})
    assert text is not None
    assert len(text) < 6000
    assert thumbnail({"x": noise}) == text


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 7, 40, 40)),
        np.zeros((3, 40, 40)),
        np.zeros((1, 3, 4, 40)),
        np.zeros((0, 3, 40, 40)),
        np.zeros((1, 3, 40, 40), np.bool_),
    ],
)
def test_what_is_no_image(array: Array) -> None:
    assert thumbnail({"x": array}) is None


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_any_numbers(number: float) -> None:
    noise = R.normal(size=(1, 3, 40, 40))
    noise[0, 0, 0, 0] = number
    assert picture(noise).size == (SIDE - 24, SIDE - 24)
