"""Images get the model's height and width as Pillow makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from qconv.data import ImageOptions
from qconv.errors import DataError, UsageError
from tests.data.pictures import RAW, model, one, pixels, refused, save


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image.Image:
    monkeypatch.chdir(tmp_path)
    Path("pics").mkdir()
    save(Path("pics/a.png"), pixels(20, 31))
    return Image.open("pics/a.png").convert("RGB")


def same(feed: NDArray[np.generic], image: Image.Image) -> None:
    np.testing.assert_array_equal(feed[0], np.asarray(image, np.float32).transpose(2, 0, 1))


def raw(**options: object) -> ImageOptions:
    return ImageOptions(std=1, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos", "nearest", "box", "hamming"])
def test_stretch_is_a_plain_resize(picture: Image.Image, name: str) -> None:
    wanted = picture.resize((8, 12), Image.Resampling[name.upper()])
    same(one(model(12, 8), raw(fit="stretch", filter=name)), wanted)


def test_stretch_then_the_centre(picture: Image.Image) -> None:
    wanted = picture.resize((10, 16), Image.Resampling.BILINEAR).crop((1, 2, 9, 14))
    same(one(model(12, 8), raw(fit="stretch", size=(16, 10))), wanted)
    same(one(model("h", "w"), raw(fit="stretch", size=(16, 10), crop=(12, 8))), wanted)


@pytest.mark.parametrize("size", [(8, 8), (12, 8), (7, 33), (64, 64)])
def test_pad_is_a_letterbox(picture: Image.Image, size: tuple[int, int]) -> None:
    turned = size[::-1]
    wanted = ImageOps.pad(picture, turned, Image.Resampling.BILINEAR, (114, 114, 114))
    same(one(model(*size), raw(fit="pad", fill=114)), wanted)
    same(one(model("h", "w"), raw(fit="pad", size=size, fill=114)), wanted)
    wanted = ImageOps.pad(picture, turned, Image.Resampling.BICUBIC, (1, 2, 3))
    same(one(model(*size), raw(fit="pad", fill=(1, 2, 3), filter="bicubic")), wanted)


def test_borders_are_black_unless_said(picture: Image.Image) -> None:
    same(one(model(8, 8), raw(fit="pad")), ImageOps.pad(picture, (8, 8), Image.Resampling.BILINEAR))


def test_filters_hold_for_crops_too(picture: Image.Image) -> None:
    wanted = picture.resize((12, 8), Image.Resampling.LANCZOS).crop((2, 0, 10, 8))
    same(one(model(8, 8), raw(size=8, filter="lanczos")), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(picture: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for old in Path("pics").iterdir():
        old.unlink()
    picture.save("pics/a.png", exif=exif)
    stored = Image.open("pics/a.png")
    whole = raw(fit="none")
    same(one(model("h", "w"), whole), ImageOps.exif_transpose(stored).convert("RGB"))
    same(one(model("h", "w"), raw(fit="none", exif=False)), stored.convert("RGB"))


def test_broken_exif_is_left_alone(picture: Image.Image) -> None:
    picture.save("pics/a.png", exif=b"Exif\x00\x00nonsense")
    same(one(model("h", "w"), raw(fit="none")), picture)


def test_what_does_not_go_together(picture: Image.Image) -> None:
    del picture
    for options, told in (
        (
            {"fit": "pad", "crop": 4},
            "`image_crop` needs `image_fit=crop` or `image_fit=stretch`",
        ),
        ({"fill": 3}, "`image_fill` needs `image_fit=pad`"),
        ({"fit": "none", "size": 4}, "`image_size` needs `image_fit=crop`, "),
    ):
        with pytest.raises(UsageError) as caught:
            raw(**options)
        assert str(caught.value).startswith(told)
    message, _ = refused(UsageError, model(), options=raw(size=(4, 4)))
    assert message == (
        "an image size of height and width needs the image fit stretch or pad; with crop it is "
        "the length of the shorter side"
    )
    message, _ = refused(UsageError, model(8, 8), options=raw(fit="pad", size=9))
    assert message.startswith("the image size of [9, 9] (height, width) does not fit the model's")
    message, _ = refused(UsageError, model(), options=raw(fit="pad", fill=(1, 2)))
    assert message.startswith("the image fill has 2 numbers; ")


def test_any_size_needs_a_size(picture: Image.Image) -> None:
    del picture
    for fit in ("crop", "stretch", "pad"):
        message, hint = refused(UsageError, model("h", "w"), options=raw(fit=fit))
        assert message == (
            "the model's input 'images', float32 [batch, 3, h, w], takes images of more than one "
            "size, but none is given"
        )
        assert hint == (
            "choose an image size or crop, or the image fit none, which keeps the size of each "
            "image"
        )


def test_a_strip_that_no_letterbox_shows(picture: Image.Image) -> None:
    del picture
    save(Path("pics/a.png"), pixels(1, 500))
    message, hint = refused(DataError, model(), options=raw(fit="pad"))
    assert message.endswith(
        "the image is 500 x 1 pixels (width x height), too narrow to be seen in 4 x 4"
    )
    assert hint == "leave it out, or choose the image fit stretch"
    assert one(model(), raw(fit="stretch")).shape == (1, 3, 4, 4)
    assert RAW.fit == "crop"
