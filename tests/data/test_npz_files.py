"""Damaged .npz files, and large ones."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qconv.data import open_data
from qconv.errors import DataError
from tests.data.data_helpers import IMAGES, counting, drain, refusal, refused, spec


def test_a_file_that_is_no_zip_is_refused(calib: Path) -> None:
    calib.write_bytes(b"hello")
    assert refused(IMAGES) == (
        "calib.npz: cannot be read: File is not a zip file",
        "write the file again with np.savez, np.savez_compressed or np.save",
    )


def test_an_array_that_ends_early_is_refused(calib: Path) -> None:
    np.save("x.npy", counting(2, 3))
    with zipfile.ZipFile(calib, "w") as archive:
        archive.writestr("x.npy", Path("x.npy").read_bytes()[:-1])
    assert refused(spec("x", (None, 3)))[0] == (
        "calib.npz: array 'x': cannot be read: the array ends after 151 of 152 bytes"
    )


def test_damaged_compressed_data_is_named(calib: Path) -> None:
    np.savez_compressed(calib, x=np.random.default_rng(0).integers(0, 9, (200, 50)))
    whole = calib.read_bytes()
    middle = len(whole) // 2
    calib.write_bytes(whole[:middle] + b"\x00" * 64 + whole[middle + 64 :])
    source = open_data(["calib.npz"], [spec("x", (None, 50), "int64")])
    message, _ = refusal(DataError, lambda: drain(source))
    assert message.startswith("calib.npz: array 'x': cannot be read: ")


def test_a_file_that_shrinks_after_opening_is_named(calib: Path) -> None:
    np.savez(calib, x=counting(200, 50))
    source = open_data(["calib.npz"], [spec("x", (None, 50))])
    calib.write_bytes(calib.read_bytes()[:10_000])
    message, _ = refusal(DataError, lambda: drain(source))
    assert message == "calib.npz: array 'x': cannot be read: the array ends early"


@settings(deadline=None, max_examples=60)
@given(
    array=hnp.arrays(
        dtype=st.one_of(
            hnp.floating_dtypes(endianness="?"),
            hnp.integer_dtypes(endianness="?"),
            hnp.unsigned_integer_dtypes(endianness="?"),
            hnp.boolean_dtypes(),
        ),
        shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    compressed=st.booleans(),
    whole_feeds=st.booleans(),
    count=st.integers(1, 6),
)
def test_streaming_equals_loading(
    tmp_path_factory: pytest.TempPathFactory,
    array: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
    compressed: bool,
    whole_feeds: bool,
    count: int,
) -> None:
    path = tmp_path_factory.mktemp("npz") / "any.npz"
    save = np.savez_compressed if compressed else np.savez
    save(path, first=np.zeros(3), x=np.ascontiguousarray(array))
    rank = array.ndim - 1 if whole_feeds else array.ndim
    shape = [None] * rank
    dtype = array.dtype.newbyteorder("=").name
    samples = drain(open_data([str(path)], [spec("x", shape, dtype)], samples=count))
    loaded = np.load(path)["x"]
    taken = min(count, len(loaded))
    assert len(samples) == taken
    for i, sample in enumerate(samples):
        row = i * len(loaded) // taken
        expected = loaded[row] if whole_feeds else loaded[row : row + 1]
        assert sample.feeds["x"].shape == np.shape(expected)
        np.testing.assert_array_equal(sample.feeds["x"], expected)


def test_memory_stays_flat_over_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    row = np.ones((1, 3, 256, 256), np.float32)
    np.savez(path, images=np.broadcast_to(row, (128, 3, 256, 256)))
    assert path.stat().st_size > 100_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_data([str(path)], [spec("images", ("n", 3, 256, 256))]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 128
    assert peak < 4 * row.nbytes


def test_skipping_compressed_rows_keeps_memory_flat(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    np.savez_compressed(path, x=np.zeros((4000, 4096), np.float32))
    tracemalloc.start()
    try:
        source = open_data([str(path)], [spec("x", ("n", 4096))], samples=3)
        assert len(drain(source)) == 3
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
