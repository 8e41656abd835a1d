from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qconv.data import open_data
from qconv.errors import DataError
from tests.data.data_helpers import IMAGES, counting, drain, refusal, refused, spec


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_samples_get_a_batch_axis_and_labels(calib: Path, save: object) -> None:
    images = counting(5, 3, 4, 4)
    assert callable(save)
    save(calib, images=images, labels=np.array([7, 8, 9, 10, 11]), other=np.array(["x"]))
    source = open_data(["calib.npz"], [IMAGES])
    assert len(source) == 5
    for _ in range(2):
        samples = drain(source)
        assert [sample.label for sample in samples] == [7, 8, 9, 10, 11]
        assert [sample.origin for sample in samples] == [f"calib.npz[{i}]" for i in range(5)]
        for index, sample in enumerate(samples):
            assert list(sample.feeds) == ["images"]
            np.testing.assert_array_equal(sample.feeds["images"], images[index : index + 1])


def test_one_rank_more_holds_whole_feeds(calib: Path) -> None:
    inputs = [
        spec("input", ("batch", 8)),
        spec("state", (2, "batch", 4)),
        spec("sr", (), "int64"),
    ]
    state = counting(3, 2, 1, 4)
    np.savez(calib, input=counting(3, 8), state=state, sr=np.full(3, 16000))
    samples = drain(open_data(["calib.npz"], inputs))
    assert [sample.feeds["state"].shape for sample in samples] == [(2, 1, 4)] * 3
    np.testing.assert_array_equal(samples[2].feeds["state"], state[2])
    assert samples[0].feeds["sr"].shape == ()
    assert samples[0].feeds["sr"] == 16000


def test_fixed_batches_come_as_whole_feeds(calib: Path) -> None:
    np.savez(calib, x=counting(3, 2, 5))
    samples = drain(open_data(["calib.npz"], [spec("x", (2, 5))]))
    assert [sample.feeds["x"].shape for sample in samples] == [(2, 5)] * 3


def test_unknown_rank_takes_the_first_axis_as_samples(calib: Path) -> None:
    np.savez(calib, x=counting(3, 2, 5))
    samples = drain(open_data(["calib.npz"], [spec("x", None)]))
    assert [sample.feeds["x"].shape for sample in samples] == [(1, 2, 5)] * 3


def test_labels_may_be_an_input_of_the_model(calib: Path) -> None:
    np.savez(calib, x=counting(2, 3), labels=counting(2, 4, dtype="int64"))
    inputs = [spec("x", (None, 3)), spec("labels", (None, 4), "int64")]
    samples = drain(open_data(["calib.npz"], inputs))
    assert samples[1].label is None
    assert samples[1].feeds["labels"].shape == (1, 4)


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        ("float64", "float32"),
        ("float16", "float32"),
        (">f4", "float32"),
        ("float32", "float16"),
        ("int32", "int64"),
        ("uint8", "int16"),
        ("bool", "int64"),
        ("bool", "bool"),
    ],
)
def test_types_that_lose_nothing_are_converted(calib: Path, stored: str, wanted: str) -> None:
    array = counting(2, 3, dtype=stored)
    np.savez(calib, x=array)
    for index, sample in enumerate(open_data(["calib.npz"], [spec("x", (None, 3), wanted)])):
        assert sample.feeds["x"].dtype == wanted
        np.testing.assert_array_equal(sample.feeds["x"][0], array[index].astype(wanted))


@pytest.mark.parametrize(
    ("stored", "wanted", "hint"),
    [
        (
            "uint8",
            "float32",
            "qconv does not guess a scale: convert it as the model was trained, "
            "for instance array.astype(np.float32) / 255",
        ),
        ("float32", "int64", "store it as int64"),
        ("int64", "int32", "check that its values fit, and store it as array.astype(np.int32)"),
        ("int8", "uint8", "check that its values fit, and store it as array.astype(np.uint8)"),
        ("complex64", "float32", "store it as float32"),
        ("<U1", "float32", "store it as float32"),
    ],
)
def test_other_types_are_refused(calib: Path, stored: str, wanted: str, hint: str) -> None:
    np.savez(calib, x=counting(2, 3).astype(stored))
    assert refused(spec("x", (None, 3), wanted)) == (
        f"calib.npz: array 'x' is {stored}; the model's input 'x' is {wanted} [?, 3]",
        hint,
    )


def test_python_objects_are_refused(calib: Path) -> None:
    np.savez(calib, images=np.array([{}, None], dtype=object))
    assert refused(IMAGES) == (
        "calib.npz: array 'images' is Python objects; "
        "the model's input 'images' is float32 [batch, 3, 4, 4]",
        "store plain numbers of one shape, as float32",
    )


def test_another_shape_is_refused(calib: Path) -> None:
    np.savez(calib, images=counting(10, 3, 8, 4))
    assert refused(IMAGES) == (
        "calib.npz: array 'images' has shape [10, 3, 8, 4]; "
        "the model's input 'images' is float32 [batch, 3, 4, 4]",
        None,
    )


def test_another_rank_is_refused(calib: Path) -> None:
    np.savez(calib, images=counting(3, 4))
    assert refused(IMAGES) == (
        "calib.npz: array 'images' has shape [3, 4]; "
        "the model's input 'images' is float32 [batch, 3, 4, 4]",
        "store all samples in one array [samples, 3, 4, 4] or [samples, batch, 3, 4, 4]",
    )


def test_a_single_scalar_is_refused(calib: Path) -> None:
    np.savez(calib, sr=np.int64(16000))
    assert refused(spec("sr", (), "int64")) == (
        "calib.npz: array 'sr' has shape []; the model's input 'sr' is int64 []",
        "store all feeds in one array [samples]",
    )


def test_batches_of_fixed_length_are_asked_for(calib: Path) -> None:
    np.savez(calib, x=counting(8, 3))
    assert refused(spec("x", (4, 3))) == (
        "calib.npz: array 'x' has shape [8, 3], one sample in each entry of its first axis; "
        "the model's input 'x' is float32 [4, 3], whose first axis is 4",
        "store all feeds in one array [samples, 4, 3]",
    )


def test_missing_names_offer_the_nearest(calib: Path) -> None:
    np.savez(calib, image=counting(2, 3, 4, 4), labels=np.arange(2))
    assert refused(IMAGES) == (
        "calib.npz: no array for the model's input 'images'; "
        "found 'image', 'labels'; expected 'images'",
        "rename 'image' to 'images'",
    )


def test_missing_names_without_a_near_one(calib: Path) -> None:
    np.savez(calib, counting(2, 3))
    assert refused(IMAGES) == (
        "calib.npz: no array for the model's input 'images'; found 'arr_0'; expected 'images'",
        "name the arrays after the model's inputs",
    )


@pytest.mark.parametrize("name", ["label", "Labels", "lables"])
def test_misspelt_labels_are_not_ignored(calib: Path, name: str) -> None:
    arrays = {"images": counting(2, 3, 4, 4), name: np.arange(2)}
    np.savez(calib, **arrays)  # type: ignore[arg-type]
    assert refused(IMAGES) == (
        f"calib.npz: array '{name}' is neither an input of the model nor 'labels'",
        f"rename '{name}' to 'labels' if it holds the labels, or leave it out",
    )


def test_labels_of_another_count_are_refused(calib: Path) -> None:
    np.savez(calib, images=counting(2, 3, 4, 4), labels=np.arange(3))
    assert refused(IMAGES)[0] == "calib.npz: array 'labels' holds 3 labels for 2 samples"


def test_labels_that_are_not_whole_numbers_are_refused(calib: Path) -> None:
    np.savez(calib, images=counting(2, 3, 4, 4), labels=np.eye(2))
    assert refused(IMAGES)[0] == (
        "calib.npz: array 'labels' is float64 [2, 2]; expected whole numbers of shape [2]"
    )


def test_unequal_counts_are_refused(calib: Path) -> None:
    np.savez(calib, a=counting(2, 3), b=counting(4, 3))
    assert refused(spec("a", ("n", 3)), spec("b", ("n", 3))) == (
        "calib.npz: arrays 'a', 'b' hold 2, 4 samples",
        "the first axis counts the samples: it must be the same in all arrays",
    )


def test_an_axis_of_one_name_has_one_length(calib: Path) -> None:
    np.savez(calib, ids=counting(2, 5), mask=counting(2, 6))
    inputs = [spec("ids", ("batch", "seq")), spec("mask", ("batch", "seq"))]
    assert refused(*inputs) == (
        "calib.npz: axis 'seq' is 5 in input 'ids' and 6 in input 'mask'",
        "axes with the same name must have the same length in a feed",
    )


def test_no_samples_are_refused(calib: Path) -> None:
    np.savez(calib, images=counting(0, 3, 4, 4))
    assert refused(IMAGES)[0] == "calib.npz: holds no samples"


def test_some_arrays_may_be_empty(calib: Path) -> None:
    np.savez(calib, x=counting(2, 3), cache=counting(2, 1, 2, 0, 4))
    inputs = [spec("x", ("batch", 3)), spec("cache", ("batch", 2, "past", 4))]
    samples = drain(open_data(["calib.npz"], inputs))
    assert [sample.feeds["cache"].shape for sample in samples] == [(1, 2, 0, 4)] * 2
    assert samples[1].feeds["x"].tolist() == [[3, 4, 5]]


def test_data_without_any_number_are_refused(calib: Path) -> None:
    np.savez(calib, x=counting(2, 0))
    message = "calib.npz: the arrays for the model's inputs are empty"
    assert refused(spec("x", ("batch", "seq")))[0] == message


def test_fortran_order_is_refused(calib: Path) -> None:
    np.savez(calib, x=np.asfortranarray(counting(2, 3)))
    assert refused(spec("x", (None, 3))) == (
        "calib.npz: array 'x' is stored in Fortran order, "
        "so that its samples cannot be read one at a time",
        "store np.ascontiguousarray(array)",
    )


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "-Inf")])
def test_the_first_value_that_is_not_finite_is_named(calib: Path, value: float, name: str) -> None:
    images = counting(3, 3, 4, 4)
    images[2, 1, 0, 3] = value
    np.savez(calib, images=images)
    source = open_data(["calib.npz"], [IMAGES])
    assert refusal(DataError, lambda: drain(source)) == (
        f"calib.npz[2]: input 'images' holds {name} at [0, 1, 0, 3]",
        "remove or correct the sample: one such value spoils every range it reaches",
    )


def test_values_beyond_the_input_type_are_named(calib: Path) -> None:
    np.savez(calib, x=np.array([[1.0, 1e39, 1e40]]))
    source = open_data(["calib.npz"], [spec("x", (None, 3))])
    assert refusal(DataError, lambda: drain(source)) == (
        "calib.npz[0]: input 'x' holds 1e+39 at [0, 1], which is Inf in float32 (2 such elements)",
        "bring the values into the range of float32",
    )
