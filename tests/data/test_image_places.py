"""Where images lie: folders by class, patterns, single files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.data import NamedData, open_data
from qconv.data.image_files import class_numbers
from qconv.errors import DataError
from tests.data.data_helpers import counting, drain, refusal, spec
from tests.data.pictures import RAW, model, pixels, save


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(*names: str) -> None:
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        save(Path(name), pixels(4, 4, number))


def found(*specs: str) -> list[tuple[str, int | None]]:
    samples = drain(open_data(specs, [model()], images=RAW))
    return [(sample.origin, sample.label) for sample in samples]


def test_folders_are_classes_in_the_order_of_their_names() -> None:
    put("v/dog/10.png", "v/dog/9.png", "v/Cat/x.jpg", "v/ant/deep/er/a.png")
    assert found("v") == [
        ("v/ant/deep/er/a.png", 1),
        ("v/Cat/x.jpg", 0),
        ("v/dog/9.png", 2),
        ("v/dog/10.png", 2),
    ]


def test_numbers_are_labels_themselves() -> None:
    put("v/2/a.png", "v/10/b.png")
    assert found("v") == [("v/2/a.png", 2), ("v/10/b.png", 10)]
    assert class_numbers(["10", "a"]) == {"10": 0, "a": 1}


def test_one_folder_is_no_class() -> None:
    put("v/images/a.png", "v/images/b.png", "v/.hidden/c.png", "v/images/.d.png")
    assert found("v") == [("v/images/a.png", None), ("v/images/b.png", None)]


def test_images_beside_folders_are_read_alone() -> None:
    put("v/a.png", "v/cat/b.png", "v/dog/c.png")
    assert found("v") == [("v/a.png", None)]


def test_a_folder_without_images_makes_the_classes_unsure() -> None:
    put("v/ant/a.png", "v/cat/b.png")
    Path("v/bee").mkdir()
    message, hint = refusal(DataError, lambda: found("v"))
    assert message == (
        "v/bee: the folder has no images, so it is unclear whether it is a class, and which labels "
        "the other folders have"
    )
    assert hint == "remove it, give `labels`, or use images without labels: 'v/*/*.jpg'"
    assert found("v/*/*.png") == [("v/ant/a.png", None), ("v/cat/b.png", None)]


def test_a_table_comes_before_folders() -> None:
    put("v/ant/a.png", "v/cat/b.png")
    Path("v/labels.csv").write_text("file,label\nant/a.png,7\ncat/b.png,8\n")
    assert found("v") == [("v/ant/a.png", 7), ("v/cat/b.png", 8)]
    assert found("v/c*/*.png") == [("v/cat/b.png", 8)]


def test_a_link_to_a_folder_above_ends() -> None:
    put("v/ant/a.png", "v/cat/b.png")
    Path("v/cat/again").symlink_to(Path("v").absolute())
    assert found("v") == [("v/ant/a.png", 0), ("v/cat/b.png", 1)]


def test_patterns_choose_files_and_keep_the_numbers_of_all_classes() -> None:
    put("v/ant/a.png", "v/cat/b.png", "v/cat/b.jpg", "v/dog/c.png")
    assert found("v/[cd]*/*.png") == [("v/cat/b.png", 1), ("v/dog/c.png", 2)]
    assert found("v/**/b.*") == [("v/cat/b.jpg", 1), ("v/cat/b.png", 1)]
    assert found("v/cat/*.png", "v/ant/*") == [("v/cat/b.png", None), ("v/ant/a.png", None)]


def test_a_file_whose_name_looks_like_a_pattern() -> None:
    put("v/a[1].png", "v/a1.png")
    assert found("v/a[1].png") == [("v/a[1].png", None)]


def test_single_images() -> None:
    put("b.png", "a.PNG")
    assert found("b.png", "a.PNG") == [("b.png", None), ("a.PNG", None)]


def test_patterns_of_arrays() -> None:
    for name in ("a1", "a2", "b1"):
        np.savez(f"{name}.npz", x=counting(1, 2) + len(name))
    samples = drain(open_data(["a*.npz"], [spec("x", ("n", 2))]))
    assert [sample.origin for sample in samples] == ["a1.npz", "a2.npz"]


def test_patterns_that_cannot_be_read() -> None:
    put("v/a.png")
    np.savez("v/a.npz", x=counting(1, 2))
    message, _ = refusal(DataError, lambda: found("v/*.jpg"))
    assert message == "v/*.jpg: no file that qconv reads matches this pattern"
    message, hint = refusal(DataError, lambda: found("v/*"))
    assert (
        message == "v/*: the pattern stands for 1 .npz files, 1 images; expected files of one kind"
    )
    assert hint == "put each kind into a folder of its own"


def test_the_files_that_are_read_are_known() -> None:
    put("v/ant/a.png", "v/cat/b.png", "w/c.png", "w/d.png", "e.png")
    named = NamedData(["v", "w/*.png", "e.png"])
    names = ["v/ant/a.png", "v/cat/b.png", "w/c.png", "w/d.png", "e.png"]
    assert [str(path) for path in named.files()] == names
    assert named.has_images
    assert not NamedData(["script.py:f", "x.npz"]).has_images
