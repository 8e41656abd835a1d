"""Pictures and options that are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from qconv.data import IMAGE_PRESETS, ImageOptions
from qconv.errors import DataError, UnsupportedError, UsageError
from tests.data.data_helpers import refusal, spec
from tests.data.pictures import model, one, pixels, refused, save


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pics").mkdir()
    return Path("pics")


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _picture(self, folder: Path) -> None:
        save(folder / "a.png", pixels(4, 6))

    def test_a_broken_image(self, folder: Path) -> None:
        (folder / "b.jpg").write_bytes(b"hello")
        message, hint = refused(DataError, model())
        assert message.startswith(f"{folder / 'b.jpg'}: cannot be read as an image: ")
        assert hint == "replace or remove the file"

    def test_a_truncated_image(self, folder: Path) -> None:
        save(folder / "b.png", pixels(64, 64))
        whole = (folder / "b.png").read_bytes()
        (folder / "b.png").write_bytes(whole[: len(whole) // 2])
        message, _ = refused(DataError, model())
        assert message.startswith(f"{folder / 'b.png'}: cannot be read as an image: ")

    def test_sixteen_bits(self, folder: Path) -> None:
        save(folder / "b.png", np.full((4, 4), 60000, np.uint16))
        assert refused(DataError, model()) == (
            f"{folder / 'b.png'}: has pixels of mode I;16; images of 8 bits a channel are read",
            "convert it, or give the arrays as .npz",
        )

    def test_scaling_that_is_not_stated(self) -> None:
        assert refused(UsageError, model(), options=None) == (
            "the model's input 'images' is float32 [batch, 3, 4, 4], but it is not known how "
            "pixels become its numbers",
            "choose `image_preset=imagenet-torch` or another one, or `image_mean` and "
            "`image_std` in pixel units: `image_std=1` feeds 0 to 255, `image_std=255` 0 to 1",
        )

    def test_scaling_for_uint8(self) -> None:
        assert refused(UsageError, model(dtype="uint8"))[0] == (
            "the model's input 'images' is uint8 [batch, 3, 4, 4]: "
            "it takes pixels as they are, without mean and std"
        )

    def test_other_types(self) -> None:
        assert refused(DataError, model(dtype="int32"))[0] == (
            "images feed float or uint8 inputs; "
            "the model's input 'images' is int32 [batch, 3, 4, 4]"
        )

    def test_two_inputs(self) -> None:
        assert refused(DataError, model(), spec("size", (2,)))[0] == (
            "pics: a folder of images feeds a model with one input; "
            "this model has 2: 'images', 'size'"
        )

    def test_another_rank(self) -> None:
        assert refused(DataError, spec("x", ("n", 8)))[0] == (
            "pics: the model's input 'x' is float32 [n, 8]; images feed an input "
            "of 4 axes (batch, channels, height, width in some order), or 3 without batch"
        )

    def test_fixed_batches(self) -> None:
        assert refused(DataError, spec("x", (8, 3, 4, 4)))[0] == (
            "pics: the model's input 'x' is float32 [8, 3, 4, 4], "
            "but images are fed one at a time, but it needs 8"
        )

    @pytest.mark.parametrize(
        ("shape", "reason"),
        [(("n", 3, "h", 3), "two axes"), (("n", "c", "h", "w"), "no axis")],
    )
    def test_a_layout_that_cannot_be_told(self, shape: tuple[int | str, ...], reason: str) -> None:
        shown = ", ".join(str(axis) for axis in shape)
        assert refused(UsageError, spec("x", shape)) == (
            f"the layout of the model's input 'x', float32 [{shown}], cannot be found from its "
            f"shape: {reason} may be the channels",
            "choose the image layout nchw or nhwc",
        )

    def test_a_stated_layout_settles_it(self) -> None:
        options = ImageOptions(std=1, layout="nhwc", fit="none")
        assert one(spec("x", ("n", "h", "w", "c")), options).shape == (1, 4, 6, 3)

    def test_other_numbers_of_channels(self) -> None:
        options = ImageOptions(std=1, layout="nhwc")
        assert refused(DataError, model(), options=options)[0] == (
            "pics: the model's input 'images' is float32 [batch, 3, 4, 4], with 4 channels "
            "in the layout nhwc; images have 3, or 1 in grey"
        )

    def test_mean_of_another_length(self) -> None:
        assert refused(UsageError, model(), options=ImageOptions(mean=(1, 2)))[0] == (
            "the image mean has 2 numbers; the model's input 'images', "
            "float32 [batch, 3, 4, 4], has 3 channels"
        )

    def test_a_crop_of_another_size_than_the_models(self) -> None:
        assert refused(UsageError, model(), options=ImageOptions(crop=(4, 5), std=1)) == (
            "the image crop of [4, 5] (height, width) does not fit the model's input 'images', "
            "float32 [batch, 3, 4, 4]",
            "leave the crop out to take it from the model, or choose the model's own",
        )

    def test_an_image_smaller_than_the_crop(self, folder: Path) -> None:
        assert refused(DataError, model(8, 5), options=ImageOptions(crop=(8, 5), std=1)) == (
            f"{folder / 'a.png'}: the image is 6 x 4 pixels (width x height), "
            "smaller than the crop 5 x 8",
            "choose a larger image size, or a smaller crop",
        )

    def test_an_image_smaller_than_the_crop_after_resizing(self, folder: Path) -> None:
        assert refused(DataError, model(4, 4), options=ImageOptions(size=2, std=1))[0] == (
            f"{folder / 'a.png'}: the image is 6 x 4 pixels (width x height), "
            "3 x 2 after resizing, smaller than the crop 4 x 4"
        )

    def test_an_image_that_misses_a_fixed_axis(self, folder: Path) -> None:
        options = ImageOptions(std=1, fit="none")
        assert refused(DataError, model(8, "w"), options=options)[0] == (
            f"{folder / 'a.png'}: array 'images' has shape [1, 3, 4, 6]; "
            "the model's input 'images' is float32 [batch, 3, 8, w]"
        )

    def test_pillow_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "PIL", None)
        monkeypatch.setitem(sys.modules, "PIL.Image", None)
        assert refused(UnsupportedError, model()) == (
            "pics: reading images needs Pillow, which is not installed",
            "pip install pillow",
        )


class TestOptions:
    def test_presets_have_names(self) -> None:
        assert list(IMAGE_PRESETS) == ["imagenet-torch", "imagenet-tf", "none"]

    def test_lengths_are_pixels(self) -> None:
        message, _ = refusal(UsageError, lambda: ImageOptions(crop=(0, 4)))
        wanted = "it must be a whole number or 2 whole numbers of at least 1"
        assert message == f"`image_crop` is (0, 4); {wanted}"

    def test_std_is_above_zero(self) -> None:
        message, _ = refusal(UsageError, lambda: ImageOptions(std=(1, 0, 1)))
        wanted = "it must be a number or a list of numbers above 0"
        assert message == f"`image_std` is (1, 0, 1); {wanted}"

    def test_mean_is_finite(self) -> None:
        message, _ = refusal(UsageError, lambda: ImageOptions(mean=float("nan")))
        assert message == "`image_mean` is nan; it must be a number or a list of numbers"
