from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.data import open_data
from qconv.errors import DataError
from tests.data.data_helpers import IMAGES, counting, drain, refusal, spec

TEXT = [spec("ids", ("batch", "seq"), "int64"), spec("mask", ("batch", "seq"), "int64")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("feeds").mkdir()
    return Path("feeds")


def save_text(path: Path, length: int, **more: object) -> None:
    ids = counting(1, length, dtype="int64")
    np.savez(path, ids=ids, mask=np.ones_like(ids), **more)  # type: ignore[arg-type]


def test_npz_files_are_feeds_in_natural_order(folder: Path) -> None:
    for number, length in ((10, 7), (2, 3), (1, 5)):
        save_text(folder / f"s{number}.npz", length, labels=np.int64(number))
    samples = drain(open_data(["feeds"], TEXT))
    assert [sample.origin for sample in samples] == [
        str(folder / name) for name in ("s1.npz", "s2.npz", "s10.npz")
    ]
    assert [sample.label for sample in samples] == [1, 2, 10]
    assert [sample.feeds["ids"].shape for sample in samples] == [(1, 5), (1, 3), (1, 7)]
    np.testing.assert_array_equal(samples[1].feeds["ids"], [[0, 1, 2]])


def test_a_file_may_hold_a_batch_in_fortran_order(folder: Path) -> None:
    array = counting(6, 3, 4, 4)
    np.savez(folder / "a.npz", images=np.asfortranarray(array))
    (sample,) = open_data(["feeds"], [IMAGES])
    np.testing.assert_array_equal(sample.feeds["images"], array)
    assert sample.feeds["images"].flags.c_contiguous


def test_every_file_is_validated_on_opening(folder: Path) -> None:
    save_text(folder / "a.npz", 4)
    np.savez(
        folder / "b.npz", ids=counting(1, 4, dtype="int64"), mask=counting(1, 5, dtype="int64")
    )
    message, _ = refusal(DataError, lambda: open_data(["feeds"], TEXT))
    assert message == f"{folder / 'b.npz'}: axis 'seq' is 4 in input 'ids' and 5 in input 'mask'"


def test_files_that_are_not_chosen_are_not_read(folder: Path) -> None:
    save_text(folder / "a.npz", 4)
    (folder / "b.npz").write_bytes(b"broken")
    assert len(open_data(["feeds"], TEXT, samples=1)) == 1


def test_the_batch_axis_belongs_into_the_file(folder: Path) -> None:
    np.savez(folder / "a.npz", images=counting(3, 4, 4))
    message, _ = refusal(DataError, lambda: open_data(["feeds"], [IMAGES]))
    assert message == (
        f"{folder / 'a.npz'}: array 'images' has shape [3, 4, 4]; "
        "the model's input 'images' is float32 [batch, 3, 4, 4]"
    )


def test_one_feed_has_one_label(folder: Path) -> None:
    save_text(folder / "a.npz", 4, labels=np.arange(3))
    assert refusal(DataError, lambda: open_data(["feeds"], TEXT)) == (
        f"{folder / 'a.npz'}: array 'labels' is int64 [3]; "
        "expected one whole number, since the file is one feed",
        "store many labelled samples in one .npz file, outside a folder",
    )


def test_nan_in_a_file_is_named(folder: Path) -> None:
    images = counting(1, 3, 4, 4)
    images[0, 2, 3, 1] = np.nan
    np.savez(folder / "a.npz", images=images)
    message, _ = refusal(DataError, lambda: drain(open_data(["feeds"], [IMAGES])))
    assert message == f"{folder / 'a.npz'}: input 'images' holds NaN at [0, 2, 3, 1]"


def test_npy_files_feed_one_input_with_or_without_batch_axis(folder: Path) -> None:
    bare, batched = counting(3, 4, 4), counting(2, 3, 4, 4)
    np.save(folder / "1.npy", bare)
    np.save(folder / "2.npy", batched)
    first, second = open_data(["feeds"], [IMAGES])
    np.testing.assert_array_equal(first.feeds["images"], bare[np.newaxis])
    np.testing.assert_array_equal(second.feeds["images"], batched)
    assert second.origin == str(folder / "2.npy")


def test_npy_files_do_not_feed_two_inputs(folder: Path) -> None:
    np.save(folder / "1.npy", counting(3))
    assert refusal(DataError, lambda: open_data(["feeds"], TEXT)) == (
        "feeds: a folder of .npy files feeds a model with one input; "
        "this model has 2: 'ids', 'mask'",
        "store .npz files, whose arrays have the inputs' names",
    )


def test_npy_shapes_and_types_are_checked(folder: Path) -> None:
    np.save(folder / "1.npy", counting(4, 4, 4))
    message, _ = refusal(DataError, lambda: open_data(["feeds"], [IMAGES]))
    assert message == (
        f"{folder / '1.npy'}: array 'images' has shape [1, 4, 4, 4]; "
        "the model's input 'images' is float32 [batch, 3, 4, 4]"
    )


def test_npy_objects_are_refused(folder: Path) -> None:
    np.save(folder / "1.npy", np.array([None]), allow_pickle=True)
    message, _ = refusal(DataError, lambda: open_data(["feeds"], [IMAGES]))
    assert "array 'images' is Python objects" in message


def test_npy_files_that_end_early_are_refused(folder: Path) -> None:
    path = folder / "1.npy"
    np.save(path, counting(3, 4, 4))
    path.write_bytes(path.read_bytes()[:-4])
    message, _ = refusal(DataError, lambda: open_data(["feeds"], [IMAGES]))
    assert message == f"{path}: cannot be read: the array ends after 316 of 320 bytes"
