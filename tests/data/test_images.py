"""Pictures as a model takes them, and their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qconv.data import IMAGE_PRESETS, ImageOptions, open_data
from qconv.errors import DataError
from tests.data.data_helpers import drain, spec
from tests.data.pictures import RAW, model, one, pixels, read, refused, save


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pics").mkdir()
    return Path("pics")


class TestPixels:
    def test_centre_crop_without_resizing(self, folder: Path) -> None:
        picture = pixels(8, 8)
        save(folder / "a.png", picture)
        feed = one(model(), ImageOptions(crop=4, mean=127, std=128))
        expected = (picture[2:6, 2:6].astype(np.float32) - 127) / 128
        assert feed.dtype == np.float32
        np.testing.assert_array_equal(feed, expected.transpose(2, 0, 1)[np.newaxis])

    def test_the_models_own_size_is_the_default(self, folder: Path) -> None:
        picture = Image.fromarray(pixels(16, 24))
        picture.save(folder / "a.png")
        expected = np.asarray(picture.resize((12, 8), Image.Resampling.BILINEAR))[:, 2:10]
        np.testing.assert_array_equal(one(model(8, 8))[0], expected.transpose(2, 0, 1))

    def test_size_resizes_the_shorter_side(self, folder: Path) -> None:
        picture = Image.fromarray(pixels(20, 10))
        picture.save(folder / "a.png")
        expected = np.asarray(picture.resize((6, 12), Image.Resampling.BILINEAR))
        feed = one(model("h", "w"), ImageOptions(size=6, std=1))
        np.testing.assert_array_equal(feed[0], expected.transpose(2, 0, 1))

    def test_without_a_fit_images_are_taken_as_they_are(self, folder: Path) -> None:
        save(folder / "1.png", pixels(5, 7))
        save(folder / "2.bmp", pixels(6, 3))
        options = ImageOptions(std=1, fit="none")
        shapes = [sample.feeds["images"].shape for sample in read(model("h", "w"), options)]
        assert shapes == [(1, 3, 5, 7), (1, 3, 6, 3)]

    def test_presets_are_what_they_say(self, folder: Path) -> None:
        picture = pixels(256, 256)
        save(folder / "a.png", picture)
        centre = picture[16:240, 16:240] / 255
        torch = (centre - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        feed = one(model(224, 224), IMAGE_PRESETS["imagenet-torch"])
        np.testing.assert_allclose(feed[0], torch.transpose(2, 0, 1), atol=1e-6)
        feed = one(model(224, 224), IMAGE_PRESETS["imagenet-tf"])
        np.testing.assert_allclose(feed[0], 2 * centre.transpose(2, 0, 1) - 1, atol=1e-6)

    def test_bgr_turns_the_channels_before_mean_and_std(self, folder: Path) -> None:
        picture = pixels(4, 4)
        save(folder / "a.png", picture)
        feed = one(model(), ImageOptions(mean=(1, 2, 3), order="bgr"))
        expected = picture[:, :, ::-1].astype(np.float32) - np.array([1, 2, 3], np.float32)
        np.testing.assert_array_equal(feed[0], expected.transpose(2, 0, 1))

    def test_channels_last_is_read_from_the_shape(self, folder: Path) -> None:
        picture = pixels(4, 4)
        save(folder / "a.png", picture)
        feed = one(spec("images", (1, 4, 4, 3)), ImageOptions(mean=(1, 2, 3)))
        np.testing.assert_array_equal(feed[0], picture - np.array([1, 2, 3], np.float32))
        assert feed.flags.c_contiguous

    def test_a_model_without_batch_axis(self, folder: Path) -> None:
        save(folder / "a.png", pixels(4, 4))
        assert one(spec("images", (3, 4, 4))).shape == (3, 4, 4)

    def test_uint8_takes_pixels_as_they_are(self, folder: Path) -> None:
        picture = pixels(4, 4)
        save(folder / "a.png", picture)
        feed = one(model(dtype="uint8"), None)
        assert feed.dtype == np.uint8
        np.testing.assert_array_equal(feed[0], picture.transpose(2, 0, 1))

    @pytest.mark.parametrize("dtype", ["float16", "float64"])
    def test_other_float_types(self, folder: Path, dtype: str) -> None:
        save(folder / "a.png", pixels(4, 4))
        assert one(model(dtype=dtype)).dtype == dtype

    def test_grey_models_get_grey(self, folder: Path) -> None:
        picture = Image.fromarray(pixels(4, 4))
        picture.save(folder / "a.png")
        feed = one(spec("images", ("n", 1, 4, 4)))
        np.testing.assert_array_equal(feed[0, 0], np.asarray(picture.convert("L")))

    def test_grey_palette_and_transparent_files_become_rgb(self, folder: Path) -> None:
        picture = Image.fromarray(pixels(4, 4))
        picture.convert("L").save(folder / "1.png")
        picture.convert("P").save(folder / "2.png")
        picture.convert("RGBA").save(folder / "3.png")
        picture.convert("1").save(folder / "4.png")
        assert [sample.feeds["images"].shape for sample in read(model())] == [(1, 3, 4, 4)] * 4

    def test_all_kinds_of_files_in_natural_order(self, folder: Path) -> None:
        names = ["1.png", "2.JPEG", "3.jpg", "4.bmp", "10.webp"]
        for name in names:
            save(folder / name, pixels(4, 4))
        assert [sample.origin for sample in read(model())] == [str(folder / name) for name in names]


class TestLabels:
    @pytest.fixture(autouse=True)
    def _pictures(self, folder: Path) -> None:
        for number in range(3):
            save(folder / f"{number}.png", pixels(4, 4))

    def labels(self, options: ImageOptions = RAW) -> list[tuple[str, int | None]]:
        samples = drain(open_data(["pics"], [model()], images=options))
        return [(Path(sample.origin).name, sample.label) for sample in samples]

    def test_without_a_table_there_are_none(self) -> None:
        assert self.labels() == [("0.png", None), ("1.png", None), ("2.png", None)]

    @pytest.mark.parametrize("place", ["pics/labels.csv", "labels.csv"])
    def test_a_table_in_the_folder_or_its_parent_is_found(self, place: str) -> None:
        Path(place).write_text("\ufefflabel,name,file\n7,x,1.png\n8,y,0.png\n9,z,2.png\n", "utf-8")
        assert self.labels() == [("0.png", 8), ("1.png", 7), ("2.png", 9)]

    def test_a_table_of_several_folders(self) -> None:
        Path("others").mkdir()
        save(Path("others/9.png"), pixels(4, 4))
        rows = "pics/0.png,1\npics/1.png,2\npics/2.png,3\nothers/9.png,4\n"
        Path("labels.csv").write_text(f"file,label\n{rows}", "utf-8")
        assert self.labels() == [("0.png", 1), ("1.png", 2), ("2.png", 3)]

    def test_a_given_table_chooses_the_files(self) -> None:
        Path("some.csv").write_text("file,label\n2.png,5\n0.png,6\n", "utf-8")
        options = ImageOptions(std=1, labels=Path("some.csv"))
        assert self.labels(options) == [("0.png", 6), ("2.png", 5)]

    def test_a_given_table_reaches_into_subfolders(self, folder: Path) -> None:
        (folder / "cats").mkdir()
        save(folder / "cats" / "a.png", pixels(4, 4))
        Path("some.csv").write_text("file,label\ncats/a.png,5\n", "utf-8")
        assert self.labels(ImageOptions(std=1, labels=Path("some.csv"))) == [("a.png", 5)]

    def refused(self, table: str, labels: Path | None = None) -> tuple[str, str | None]:
        Path("labels.csv").write_text(table, "utf-8")
        return refused(DataError, model(), options=ImageOptions(std=1, labels=labels))

    def test_an_image_without_label(self) -> None:
        assert self.refused("file,label\n0.png,5\n") == (
            f"{Path('pics/1.png')}: has no label in labels.csv (2 of 3 images have none)",
            "add its label, or give labels.csv as the labels to use only the files it lists",
        )

    def test_a_listed_file_that_is_missing(self) -> None:
        message, _ = self.refused("file,label\n0.png,5\n7.png,5\n", labels=Path("labels.csv"))
        assert message == "labels.csv, line 3: the file '7.png' is missing; looked in pics and ."

    def test_a_file_listed_twice(self) -> None:
        message, _ = self.refused("file,label\n0.png,5\n0.png,6\n", labels=Path("labels.csv"))
        assert message == "labels.csv, line 3: the file 0.png is already listed in line 2"

    def test_a_label_that_is_no_number(self) -> None:
        message, _ = self.refused("file,label\n0.png,cat\n", labels=Path("labels.csv"))
        assert message == "labels.csv, line 2: the label 'cat' is not a whole number"

    def test_a_table_without_header(self) -> None:
        message, _ = self.refused("0.png,1\n", labels=Path("labels.csv"))
        assert (
            message == "labels.csv: has the columns 0.png, 1; expected a header with file and label"
        )

    def test_a_table_of_other_folders(self) -> None:
        Path("others").mkdir()
        save(Path("others/9.png"), pixels(4, 4))
        message, _ = self.refused("file,label\nothers/9.png,1\n", labels=Path("labels.csv"))
        assert message == "labels.csv: lists no file of the folder pics"

    def test_a_missing_table(self) -> None:
        options = ImageOptions(std=1, labels=Path("nowhere.csv"))
        message, _ = refused(DataError, model(), options=options)
        assert message == "nowhere.csv: no such file"
